"""The keeper: a small process that owns ports and drivers, and keeps a circuit closed only while a lease lives.

Theory of operation. The engine decides, the keeper holds. They talk over a local socket, one connection a channel,
one line of JSON a frame::

    engine                                            keeper
      | attach, connect                                 |  owns the port and the driver from here on
      | run(step) ------------------------------------> |  grants a lease of 1 s, starts the driver
      | <------------------------ sample, sample, tick 1 |  looks at limits and cut-offs itself
      | (evaluates and records the two samples)         |
      | tick 1 is completed --------------------------> |  the lease lives for 1 s from when tick 1 was sent
      | make_safe ------------------------------------> |  needs no lease, goes before everything

A tick travels behind the samples that came before it, and whoever consumes them completes it only when it comes back
for more. So it is not the life of a process that feeds the lease, nor of its event loop, but that readings are being
evaluated and recorded. The keeper sends ticks only while the readings themselves are fresh. When the lease runs out,
when the connection ends, when a limit is crossed, the keeper opens the circuit, and does not rest before that is
confirmed by read-back; what it cannot confirm within 3 s it calls unsafe, loudly. If the keeper dies, the engine sees
the connection end and opens the circuit through a second keeper that has been waiting for nothing else.

Modules, from the inside out: ``lease`` and ``watch`` decide (no I/O, time is an argument), ``escalation`` opens a
circuit, ``kept`` holds one channel, ``session`` obeys one connection, ``process`` is the process; ``remote`` is the
engine's side, a Channel like any other. No database, no broker, no web server is imported here.
"""
