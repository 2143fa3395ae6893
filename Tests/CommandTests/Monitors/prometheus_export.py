"""Exports probes out of Prometheus itself, as docs/monitors.md tells to, and as it tells not to.

Two targets were probed for two hours from 2026-10-15T00:00Z on, every 60 s, each at a second of its own; the prober was
off for ten minutes, and five probes failed. Writes instant.json and range.json into the folder that is given.
"""

import json
import pathlib
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

START = 1792022400
folder = pathlib.Path(sys.argv[1])
samples = {"probe_success": [], "probe_duration_seconds": []}
for target, second in (("https://api.example/healthz", 7), ("https://worker.example/healthz", 31.5)):
    for minute in range(120):
        if 60 <= minute < 70:
            continue
        up = 0 if 20 <= minute < 25 else 1
        at = START + 60 * minute + second
        samples["probe_success"].append(f'probe_success{{instance="{target}",job="blackbox"}} {up} {at}')
        samples["probe_duration_seconds"].append(
            f'probe_duration_seconds{{instance="{target}",job="blackbox"}} 0.1234 {at}')
text = []
for name, rows in samples.items():
    text += [f"# TYPE {name} gauge"] + rows
(folder / "samples.txt").write_text("\n".join(text + ["# EOF", ""]))
subprocess.run(
    ["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "samples.txt", folder / "data"],
    check=True, stdout=subprocess.DEVNULL)
(folder / "prometheus.yml").write_text("scrape_configs: []\n")
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
server = subprocess.Popen(
    ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
     "--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"])
try:
    deadline = time.monotonic() + 60

    def ask(path, **parameters):
        while True:
            try:
                query = urllib.parse.urlencode(parameters)
                return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}?{query}", timeout=30).read()
            except urllib.error.HTTPError as error:
                if error.code != 503 or time.monotonic() > deadline:
                    raise
            except OSError:
                if time.monotonic() > deadline or server.poll() is not None:
                    raise
            time.sleep(0.05)

    ask("/-/ready")
    names = '{__name__=~"probe_success|probe_duration_seconds"}'
    # The end of October less a millisecond.
    (folder / "instant.json").write_bytes(ask("/api/v1/query", query=f"{names}[31d]", time="1793491199.999"))
    (folder / "range.json").write_bytes(
        ask("/api/v1/query_range", query="probe_success", start=START, end=START + 7199, step=60))
    assert json.loads((folder / "instant.json").read_text())["status"] == "success"
finally:
    server.terminate()
    server.wait()
