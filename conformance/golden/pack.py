"""Packs recorded conversations of a real client and master into test/golden/data/master.gz: a maintainer's job.

`pack.py RECORDINGS`: a folder of folders as a recording proxy wrote them (index.jsonl, *.request.pb, *.response.pb).
Only requests to the first worker's master are kept. What can't be replayed on one task is listed with its reason.
"""

import base64
import gzip
import json
import pathlib
import sys

FOLDERS = ("01", "02", "03", "04", "05", "06", "08", "12", "13", "16", "23", "28", "29")
OUT = pathlib.Path(__file__).resolve().parents[2] / "test/golden/data/master.gz"
OTHER_TASK = (b"/job:ps", b"/task:1", b"job:worker/task:7")
# A real master keys its plans by a hash that takes these for an earlier signature, and answers with that one's values.
CACHED = {("28", 28), ("28", 30), ("28", 31), ("28", 32), ("29", 98)}


def chains(entries):
    """Some folders hold two conversations, each numbered from 0: entries go to the one whose clock they continue."""
    runs, by_number = [], {}
    for entry in entries:
        by_number.setdefault(entry["n"], []).append(entry)
    for number in sorted(by_number):
        used = set()
        for entry in sorted(by_number[number], key=lambda e: e["start"]):
            fits = [(entry["start"] - run[-1]["start"], k) for k, run in enumerate(runs) if k not in used and run[-1]["start"] <= entry["start"]]
            if not fits or (number == 0 and len(runs) < len(by_number[0])):
                runs.append([entry])
                used.add(len(runs) - 1)
            else:
                k = min(fits)[1]
                runs[k].append(entry)
                used.add(k)
    return runs


def pack(folder):
    entries = [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]
    bases = {}
    for entry in entries:
        bases.setdefault(entry["base"], []).append(entry)
    conversations, skipped = [], []
    for run in chains(entries):
        calls, lost = [], []
        for entry in run:
            service, method = entry["method"].split("/")[1:]
            if service != "tensorflow.MasterService" or entry["to"] != "w0":
                continue
            skip = lambda reason: skipped.append([entry["n"], method, reason])  # noqa: E731, B023
            request = (folder / f"{entry['base']}.request.pb").read_bytes()
            answer = folder / f"{entry['base']}.response.pb"
            response = answer.read_bytes() if answer.exists() else None
            details = entry.get("details") or ""
            took = (entry.get("end") or entry["start"]) - entry["start"]
            matching = [e for e in bases[entry["base"]] if e["req_bytes"] == len(request)]
            if entry.get("code") == "UNAVAILABLE":
                skip("the server was down, or went down of it")
                continue
            if len(request) != entry["req_bytes"] or len(matching) > 1:
                skip("overwritten in the recording by another conversation")
                lost += [response[2:18]] if method == "CreateSession" and response else []
                continue
            if (folder.name[:2], entry["n"]) in CACHED and method == "RunStep":
                skip("a real server takes it for an earlier signature")
                continue
            if method == "Nope":
                skip("the listener's answer, not the master's")
                continue
            if entry.get("cancelled_by_client") and took > 5:
                skip("a real server hangs")
                continue
            text = request + details.encode() + (b"" if method == "ListDevices" else response or b"")
            # A Reset may name tasks to leave alone; it ends the sessions of its own master all the same.
            if method != "Reset" and any(word in text for word in OTHER_TASK):
                skip("names another task")
                lost += [response[2:18]] if method == "CreateSession" and response else []
                continue
            if any(handle in request for handle in lost):
                skip("its session names another task or was overwritten")
                continue
            call = {"n": entry["n"], "method": method, "request": base64.b64encode(request).decode()}
            if entry.get("cancelled_by_client"):
                call["cancelAfterMs"] = round(took * 1000)
            elif entry.get("code"):
                call["error"] = [entry["code"], details]
            else:
                call["response"] = base64.b64encode(response or b"").decode()
            call["start"], call["end"] = entry["start"], entry.get("end") or entry["start"]
            calls.append(call)
        for call, following in zip(calls, calls[1:]):
            if following["start"] < call["end"] and "cancelAfterMs" not in call:
                call["endsAfterNext"] = True
        for call in calls:
            del call["start"], call["end"]
        if calls:
            conversations.append(calls)
    return {"name": folder.name, "conversations": conversations, "skipped": skipped}


def main(recordings):
    folders = [pack(folder) for folder in sorted(pathlib.Path(recordings).iterdir()) if folder.name[:2] in FOLDERS]
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_bytes(gzip.compress(json.dumps({"folders": folders}, separators=(",", ":")).encode(), 9, mtime=0))
    for folder in folders:
        print(folder["name"], sum(map(len, folder["conversations"])), "calls,", len(folder["skipped"]), "skipped")
        for number, method, reason in folder["skipped"]:
            print(f"   {number} {method}: {reason}")
    print(OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main(sys.argv[1])
