"""The dashboard: what a browser is shown of stations and runs, and what a person may ask of them through it.

One Starlette application, a function of where its knowledge comes from. It runs in a process of its own: nothing in
it can delay a control tick.

    application   puts the parts below together       openapi.yaml  every route, as served at /api/v1/openapi.json
    live          the present state, from feeds       stream        server-sent events, one queue a viewer
    history       runs, from a database               series        curves, thinned; pyramid: their extremes
    door          what may be asked of a station      access        who may ask; fence: what is let in at all
    site          what is done at each address        server        where it listens, and how long it waits
"""
