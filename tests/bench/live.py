#!/usr/bin/env python3
"""What watching costs a probe: the same probe alone and with ten clients watching, in turn, on one daemon; and how
long a step is on its way, from its entry in the log to the client that reads it (both clocks are this machine's).

    just bench-live [--rounds 5] [--steps 200] [--watchers 10]

Needs the Python package websockets. Ratios of pairs, not seconds: shared machines drift."""
import argparse, asyncio, json, os, pathlib, statistics, sys, time

import websockets

from daemon import own_daemon, rows

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Client:
    def __init__(self, socket):
        self.socket, self.number, self.waiting = socket, 0, []

    async def ask(self, **message):
        self.number += 1
        await self.socket.send(json.dumps({"id": self.number, **message}))
        while (answer := json.loads(await self.socket.recv())).get("re") != self.number:
            self.waiting.append(answer)
        assert answer["type"] != "refused", answer
        return answer

    async def to_the_end(self, job):
        """Milliseconds on the way for each step, and the result."""
        await self.ask(type="subscribe", job=job, **{"from": 1})
        delays, result = [], None
        while True:
            message = self.waiting.pop(0) if self.waiting else json.loads(await self.socket.recv())
            if message["type"] != "event" or message["job"] != job:
                continue
            if message["kind"] == "step":
                delays.append(time.time() * 1000 - message["time_ms"])
            elif message["kind"] == "result":
                result = message["payload"]
            elif message["kind"] in ("done", "failed", "cancelled"):
                assert message["kind"] == "done", message
                return delays, result


async def connect(address, token):
    client = Client(await websockets.connect(address.replace("http", "ws", 1) + "/v1/socket", max_size=None))
    await client.ask(type="hello", protocol=1, min_version=1, token=token)
    return client


def processor_ms(process):
    """Of the daemon alone: its jobs are processes of their own, and the clients' work is not its doing."""
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(address, token, options, process):
    first = await connect(address, token)
    data = (await first.ask(type="upload", upload="a", offset=0, text=rows("train", 400), last=True))["data"]
    recipe = {"learning_rate": 2e-3, "batch_size": 16, "epochs": 50, "sequence_length": 96}
    job = {"kind": "probe", "model": "tiny", "device": "cpu", "stop": "never", "steps": options.steps, "data": {"upload": data}, "recipe": recipe}
    ratios, delays, spent = [], [], {0: [], options.watchers: []}
    for number in range(options.rounds):
        speeds = {}
        # In turn first and second, so that a drift of the machine does not favour either.
        for watchers in (0, options.watchers) if number % 2 else (options.watchers, 0):
            clients = await asyncio.gather(*(connect(address, token) for _ in range(watchers)))
            before = processor_ms(process)
            started = (await first.ask(type="start", job=job))["job"]["job"]
            if watchers:
                seen = await asyncio.gather(*(client.to_the_end(started) for client in clients))
                delays += [delay for told, _ in seen for delay in told]
                speeds[watchers] = seen[0][1]["tokens_per_second"]
                await asyncio.gather(*(client.socket.close() for client in clients))
            else:
                while (message := json.loads(await first.socket.recv())).get("job", {}) and message["type"] == "job":
                    if message["job"]["job"] == started and message["job"]["state"] == "done":
                        break
                speeds[0] = (await first.to_the_end(started))[1]["tokens_per_second"]
            spent[watchers].append((processor_ms(process) - before) / options.steps)
        ratios.append(speeds[options.watchers] / speeds[0])
        print(f"round {number + 1}: {speeds[0]:.0f} tokens/s alone, {speeds[options.watchers]:.0f} watched", file=sys.stderr)
    alone, watched = statistics.mean(spent[0]), statistics.mean(spent[options.watchers])
    print(f"processor time of the daemon: {alone:.2f} ms a step alone, {watched:.2f} ms watched")
    delays.sort()
    at = lambda share: delays[min(len(delays) - 1, int(share * len(delays)))]
    print(f"speed watched by {options.watchers} / alone: median {statistics.median(ratios):.3f}, from {min(ratios):.3f} to {max(ratios):.3f} in {len(ratios)} rounds")
    print(f"a step's way to a client: median {at(0.5):.1f} ms, 95 % {at(0.95):.1f} ms, 99 % {at(0.99):.1f} ms, worst {delays[-1]:.1f} ms, of {len(delays)}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default=str(ROOT / "target/release/foretune"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--watchers", type=int, default=10)
    options = parser.parse_args()
    with own_daemon(options.binary) as (daemon, address, token):
        asyncio.run(measure(address, token, options, daemon.pid))


main()
