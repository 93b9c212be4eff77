# Runs ansible-inventory, or ansible, many times in one process tree: a JSON list
# of {"dir": ..., "args": [program, ...]} on stdin, a JSON list of {"rc", "out", "err"} on stdout.
import json
import os
import sys
import tempfile

from ansible.cli.adhoc import AdHocCLI
from ansible.cli.inventory import InventoryCLI  # imported once, for all children


def run(case):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os.chdir(case["dir"])
            os.environ["PWD"] = case["dir"]
            code = 99
            try:
                cli = InventoryCLI if case["args"][0] == "ansible-inventory" else AdHocCLI
                cli.cli_executor(case["args"])
            except SystemExit as e:
                code = e.code or 0
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(pid, 0)
        out.seek(0)
        err.seek(0)
        return {"rc": os.waitstatus_to_exitcode(status), "out": out.read().decode(), "err": err.read().decode()}


json.dump([run(c) for c in json.load(sys.stdin)], sys.stdout)
