"""A worker of Assay's protocol: FORMAT.md defines it."""
import json, os, sys, time

from work import work

CASES = {"sum": work}


def answer(**fields):
    print(json.dumps(fields), flush=True)


if sys.argv[1:] == ["--list"]:
    for case in CASES:
        answer(id=case, benchmark=case, variant="", operations=1, gated=True)
    sys.exit()
case, options = sys.argv[1], dict(zip(sys.argv[3::2], sys.argv[4::2]))
if "--core" in options:
    os.sched_setaffinity(0, {int(options["--core"])})
shift, extra = bytearray(int(options["--shift"])), float(options["--extra-work"]) / 100
operation = CASES[case]
if operation() != 499500:
    sys.exit("a wrong sum")
answer(answer="ready", protocol=3, case=case, variant="", seed=0, input="numbers", counted=1)
for request in sys.stdin:
    if request.strip() == "end":
        answer(answer="end", counters={})
        break
    asked = int(request.split()[1])
    wanted = asked * (1 + extra)
    wall, cpu = time.monotonic_ns(), time.process_time_ns()
    for _ in range(int(wanted)):
        operation()
    spent = time.process_time_ns() - cpu
    end = cpu + spent / int(wanted) * wanted
    while time.process_time_ns() < end:
        pass
    cpu, wall = time.process_time_ns() - cpu, time.monotonic_ns() - wall
    answer(answer="slice", operations=asked, cpu_ns=cpu, wall_ns=wall, waiting_ns=None,
           voluntary_switches=0, involuntary_switches=0)
