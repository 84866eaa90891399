"""Put a server under load with `wrk` (Debian: `apt install wrk`), in a process of its own, and say how it did."""

import re
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass

# Each client sends a request, waits for the answer, and sends the next one on the same connection.
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "%s"
local bodies, sent = {%s}, 0
local threads = {}
function setup(thread) table.insert(threads, thread) end
function request() sent = sent + 1 return wrk.format(nil, nil, nil, bodies[sent %% #bodies + 1]) end
function response(status) _G["got" .. status] = (_G["got" .. status] or 0) + 1 end
function done(summary, latency)
  for status = 100, 599 do
    for _, thread in ipairs(threads) do
      if thread:get("got" .. status) then print("status " .. status .. " " .. thread:get("got" .. status)) end
    end
  end
  print("unanswered " .. summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout)
  print("seconds " .. summary.duration / 1e6)
  print("took_ms " .. latency:percentile(50) / 1e3 .. " " .. latency:percentile(99) / 1e3 .. " " .. latency.max / 1e3)
end
"""


@dataclass(frozen=True)
class Load:
    """What came of it. per_second: answers 200 a second; statuses: how many answers had each; unanswered: had none.

    p50_ms, p99_ms, most_ms: from a request to its answer, whatever that was.
    """

    per_second: float
    p50_ms: float
    p99_ms: float
    most_ms: float
    statuses: dict[int, int]
    unanswered: int

    @property
    def answers(self) -> int:
        """Count the answers of any status."""
        return sum(self.statuses.values())

    @property
    def failed(self) -> int:
        """Count the requests that were not answered 200."""
        return self.unanswered + sum(count for status, count in self.statuses.items() if status != 200)


def load(url: str, bodies: list[bytes], kind: str, clients: int, seconds: float) -> Load:
    """Let `clients` post `bodies`, of media type `kind`, one after the other without pause, for whole seconds."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT % (kind, ", ".join(map(_literal, bodies))))
        script.flush()
        options = ["-t", "1", "-c", str(clients), "-d", f"{max(1, round(seconds))}s", "--timeout", "30s"]
        command = ["wrk", *options, "-s", script.name, url]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    statuses = Counter({int(status): int(count) for status, count in re.findall(r"status (\d+) (\d+)", output)})
    p50_ms, p99_ms, most_ms = map(float, re.search(r"took_ms (.+)", output)[1].split())
    taken_s, unanswered = (float(re.search(rf"{name} (\S+)", output)[1]) for name in ("seconds", "unanswered"))
    return Load(statuses[200] / taken_s, p50_ms, p99_ms, most_ms, dict(statuses), int(unanswered))


def _literal(body: bytes) -> str:
    """Write bytes as Lua does."""
    return '"' + "".join(f"\\{byte:03d}" for byte in body) + '"'
