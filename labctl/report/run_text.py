"""A run as lines of text: its summary, half-cycles, spectra and events."""

from labctl.analysis.spectrum_series import validity
from labctl.report.summary import Summary

_MOST_EVENTS = 20
ROUTINE = ("circuit_closed", "circuit_at_rest")
"""What every step leaves behind: kept for the audit, too much for a person's eyes."""


def run_lines(summary: Summary) -> list[str]:
    """Everything ``labctl show`` prints."""
    return [
        *summary.as_text().rstrip().splitlines(),
        f"  firmware: {summary.run.identity.firmware}; labctl {summary.run.software_version}",
        "",
        *_half_cycles(summary),
        "",
        *_spectra(summary),
        "",
        *_events(summary),
    ]


def _half_cycles(summary: Summary) -> list[str]:
    lines = ["cycle  direction     charge    mean V   overpotential (median, end, max)     ended by"]
    for half_cycle in summary.half_cycles:
        direction = "charge" if half_cycle.sign > 0 else "discharge"
        overpotentials = "  ".join(
            f"{value * 1e3:7.1f} mV" if value is not None else "      -   "
            for value in (
                half_cycle.overpotential_median_V,
                half_cycle.overpotential_end_V,
                half_cycle.overpotential_max_V,
            )
        )
        lines.append(
            f"{half_cycle.cycle:>5}  {direction:<9}  {half_cycle.charge_C / 3.6:.5f} mAh  "
            f"{half_cycle.mean_voltage_V:+.4f}  {overpotentials}  {half_cycle.end_reason}"
        )
    return lines


def _spectra(summary: Summary) -> list[str]:
    lines = ["spectrum  after cycle  at          points  Lin-KK residual  |Z| at the lowest frequency"]
    for record in summary.spectra:
        spectrum = record.spectrum
        found = validity(spectrum)
        residual = f"{found.rms_percent:.2f} %{'' if found.valid else ', FAILS'}" if found else "not tested"
        lines.append(
            f"{record.spectrum_id:>8}  {spectrum.cycle:>11}  {spectrum.started_s / 3600.0:>8.2f} h  "
            f"{len(spectrum.points):>6}  {residual:<15}  {spectrum.total_ohm():.5g} ohm "
            f"at {spectrum.points[-1].frequency_Hz:.3g} Hz"
        )
    return lines


def _events(summary: Summary) -> list[str]:
    told = [event for event in summary.events if event.kind not in ROUTINE]
    events = told[-_MOST_EVENTS:]
    lines = [f"events{f' (the last {_MOST_EVENTS} of {len(told)})' if len(told) > len(events) else ''}"]
    lines += [
        f"  {event.time_s / 3600.0:9.3f} h  {event.kind:<12} {event.author}: {event.message}"
        for event in events
    ]
    return lines
