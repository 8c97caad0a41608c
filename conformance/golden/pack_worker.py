"""Packs what recorded masters and peers asked of a worker into test/golden/data/worker.gz: a maintainer's job.

`pack_worker.py RECORDINGS`: a folder of folders as a recording proxy wrote them (see pack.py). Each task that was sent
graphs becomes a conversation: the requests to it with their answers and times, and the answers it got to its RecvTensors.
"""

import base64
import gzip
import json
import pathlib
import sys

FOLDERS = ("07", "14", "18", "19", "20", "21", "22", "24", "28", "34", "35", "36", "37")
OUT = pathlib.Path(__file__).resolve().parents[2] / "test/golden/data/worker.gz"
TASKS = {"ps0": "/job:ps/replica:0/task:0", "w0": "/job:worker/replica:0/task:0", "w1": "/job:worker/replica:0/task:1"}


def encoded(data):
    return base64.b64encode(data).decode()


def recv_device(request):
    """Of a RecvTensor's rendezvous key."""
    start = request.find(b"/job:")
    return request[start:].split(b";")[2].decode() if start >= 0 and request.count(b";") >= 4 else ""


def answer_of(folder, entry):
    response = folder / f"{entry['base']}.response.pb"
    times = {"times": [round(t * 1e6) for t in (entry["start"], entry.get("end") or entry["start"])]}
    if entry.get("cancelled_by_client"):
        return {**times, "cancelled": True}
    if entry.get("code"):
        return {**times, "error": [entry["code"], entry.get("details") or ""]}
    return {**times, "response": encoded(response.read_bytes() if response.exists() else b"")}


def pack(folder):
    entries = [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]
    entries = [e for e in entries if e["method"].startswith("/tensorflow.WorkerService/")]
    conversations = []
    for name, task in TASKS.items():
        asked = sorted((e for e in entries if e["to"] == name), key=lambda e: e["start"])
        if not any(e["method"].endswith("/RegisterGraph") for e in asked):
            continue
        calls, answers = [], []
        for e in asked:
            request = (folder / f"{e['base']}.request.pb").read_bytes()
            # A second conversation of the folder has written over it.
            if len(request) != e["req_bytes"]:
                continue
            calls.append({"n": e["n"], "method": e["method"].split("/")[-1], "request": encoded(request), **answer_of(folder, e)})
        for e in entries:
            if e["to"] != name and e["method"].endswith("/RecvTensor"):
                request = (folder / f"{e['base']}.request.pb").read_bytes()
                if recv_device(request).startswith(task + "/"):
                    answers.append({"request": encoded(request), **answer_of(folder, e)})
        conversations.append({"name": f"{folder.name} {name}", "task": task, "calls": calls, "answers": answers})
    return conversations


def main(recordings):
    folders = [f for f in sorted(pathlib.Path(recordings).iterdir()) if f.name[:2] in FOLDERS]
    conversations = [conversation for folder in folders for conversation in pack(folder)]
    text = json.dumps({"conversations": conversations}, separators=(",", ":"))
    OUT.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    for c in conversations:
        print(c["name"], len(c["calls"]), "calls,", len(c["answers"]), "answers")
    print(OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main(sys.argv[1])
