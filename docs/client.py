#!/usr/bin/env python3
"""A whole client of the Foretune agent: pairs, hands rows over, starts a probe, shows its steps, prints its result.

    pip install websockets
    client.py "$(foretune serve --link)" train.jsonl eval.jsonl [steps]

The protocol is in protocol.md. Exit code 0: done; 1: refused or failed."""
import asyncio, itertools, json, sys
import websockets

PART = 200_000  # characters; a message may have 1 MiB


class Agent:
    def __init__(self, socket):
        self.socket, self.numbers, self.waiting = socket, itertools.count(1), []

    async def ask(self, **message):
        number = next(self.numbers)
        await self.socket.send(json.dumps({"id": number, **message}))
        while True:
            answer = json.loads(await self.socket.recv())
            if answer.get("re") != number:
                self.waiting.append(answer)  # events and news: not lost, only later
            elif answer["type"] == "refused":
                sys.exit(f"{answer['rule']}: {answer['message']}; {answer['fix']}")
            else:
                return answer

    async def upload(self, path):
        text, offset = open(path, encoding="utf-8").read(), 0
        for start in range(0, len(text), PART):
            part = text[start : start + PART]
            answer = await self.ask(type="upload", upload=path, offset=offset, text=part, last=start + PART >= len(text))
            offset = answer["received"]
        return {"upload": answer["data"]}

    async def events(self, job):
        await self.ask(type="subscribe", job=job, **{"from": 1})
        while True:
            message = self.waiting.pop(0) if self.waiting else json.loads(await self.socket.recv())
            if message["type"] == "event" and message["job"] == job:
                yield message["kind"], message["payload"]


async def main(link, train, evaluation, steps=100):
    address, token = link.split()[0].split("/#pair=")
    async with websockets.connect(address.replace("http", "ws", 1) + "/v1/socket", max_size=None) as socket:
        agent = Agent(socket)
        welcome = await agent.ask(type="hello", protocol=1, min_version=1, token=token, client="client.py")
        print(f"foretune {welcome['agent']} on {welcome['device']['name']}", file=sys.stderr)
        job = {"kind": "probe", "model": "tiny", "steps": int(steps), "recipe": {"learning_rate": 2e-3}}
        job |= {"data": await agent.upload(train), "eval": await agent.upload(evaluation)}
        started = await agent.ask(type="start", title=train, job=job)
        async for kind, payload in agent.events(started["job"]["job"]):
            if kind == "step":
                print(f"step {payload['step']}: loss {payload['loss']:.4f}", file=sys.stderr)
            elif kind == "result":
                print(json.dumps(payload))
            elif kind in ("done", "failed", "cancelled"):
                sys.exit(0 if kind == "done" else payload.get("message", kind))


asyncio.run(main(*sys.argv[1:]))
