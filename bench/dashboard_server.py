"""What the dashboard costs its server: processor time by viewers, and curves of a run of 5 million samples.

The server follows a feed of 1,000 channels that change four times a second; a viewer is a socket that reads all of it.
The part of the feed itself, which here makes what a broker would bring, is measured without a viewer. Curves are asked
for over HTTP on a connection that is kept, 2,000 points each.

    python bench/dashboard_server.py [--channels 1000] [--samples 5000000] [--database PATH]
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import httpx
from dashboard import make_database, served

WATCHED_S = 10.0
VIEWERS = (0, 1, 10)
ZOOMS = 30
POINTS = 2000


def processor_s(process: int) -> float:
    """Time that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def watched(url: str, viewers: int) -> int:
    """Read the live stream through so many connections for a while; bytes of one of them."""
    address = httpx.URL(url)
    taken = 0

    async def look() -> None:
        nonlocal taken
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(b"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        while chunk := await reader.read(1 << 20):
            taken += len(chunk)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(look()) for _ in range(viewers)]
        await asyncio.sleep(WATCHED_S)
        for task in tasks:
            task.cancel()
    return taken // max(1, viewers)


def viewers(url: str, process: int, channels: int) -> Iterator[str]:
    """Processor time by how many look."""
    for count in VIEWERS:
        before_s = processor_s(process)
        taken = asyncio.run(watched(url, count))
        used = (processor_s(process) - before_s) / WATCHED_S
        rate = taken / WATCHED_S / 1e6
        yield f"{channels} channels at 4 Hz, {count:>2} viewers: {100 * used:5.1f} % of a core, {rate:.2f} MB/s each"


def curves(url: str, samples: int) -> Iterator[str]:
    """Time to the first curve and to that without preliminary points, and per zoom."""
    with httpx.Client(base_url=url, timeout=60.0) as client:
        begun_s = time.perf_counter()
        body = _series(client, 0.0, float("inf"))
        first_s = time.perf_counter() - begun_s
        while b'"preliminary": true' in body[:600]:
            time.sleep(0.05)  # noqa: TID251  waits for another process
            body = _series(client, 0.0, float("inf"))
        whole_s = time.perf_counter() - begun_s
        yield f"{samples} samples: first curve {1e3 * first_s:.0f} ms, with every spike after {1e3 * whole_s:.0f} ms"
        taken: dict[str, list[float]] = {}
        rng = Random(1)
        for _ in range(ZOOMS):
            for name, share in (
                ("all", 1.0),
                ("a tenth", 0.1),
                ("a hundredth", 0.01),
                ("a thousandth", 1e-3),
            ):
                start_s = rng.uniform(0.0, samples * (1.0 - share))
                begun_s = time.perf_counter()
                _series(client, start_s, start_s + samples * share)
                taken.setdefault(name, []).append(1e3 * (time.perf_counter() - begun_s))
        for name, times in taken.items():
            yield f"  {name:<12} of it: {statistics.median(times):5.1f} ms median, {max(times):.1f} ms worst of {ZOOMS}"


def _series(client: httpx.Client, start_s: float, end_s: float) -> bytes:
    window = {"from": start_s} if end_s == float("inf") else {"from": start_s, "to": end_s}
    answer = client.get("api/v1/runs/1/series", params={"points": POINTS, **window})
    answer.raise_for_status()
    return answer.content


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--channels", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=5_000_000)
    parser.add_argument("--database", type=Path, help="kept, and used again if it is there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = given.database or Path(folder, "bench.sqlite")
        if not database.exists():
            make_database(database, given.samples)
        with served(given.channels, database) as (url, process):
            for line in viewers(url, process, given.channels):
                print(line, flush=True)
        with served(1, database) as (url, _):
            for line in curves(url, given.samples):
                print(line, flush=True)


if __name__ == "__main__":
    main()
