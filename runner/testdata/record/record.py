# Runs ansible-playbook many times in one process tree, so that Ansible is imported once: a JSON list
# of {"dir": ..., "args": [...]} on stdin, a JSON list of {"rc", "events", "out", "err"} on stdout.
# Below dir the playbook's files are in "work"; "state" and "events" are for the plugins beside this file.
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
JOBS = 2

os.environ.update(
    ANSIBLE_CALLBACK_PLUGINS=HERE + "/callback",
    ANSIBLE_CALLBACKS_ENABLED="transcript",
    ANSIBLE_ACTION_PLUGINS=HERE + "/action",
    ANSIBLE_FORKS="10",
    ANSIBLE_GATHERING="implicit",
    ANSIBLE_DEPRECATION_WARNINGS="0",
    ANSIBLE_INTERPRETER_PYTHON="auto_silent",
    ANSIBLE_NOCOLOR="1",
    ANSIBLE_PYTHON_INTERPRETER="/usr/bin/python3",
    ANSIBLE_RETRY_FILES_ENABLED="0",
)

from ansible.cli.playbook import PlaybookCLI  # noqa: E402, after the environment that it reads


def child(case):
    dir = case["dir"]
    for fd, name, flags in ((0, "/dev/null", os.O_RDONLY), (1, dir + "/out", os.O_WRONLY | os.O_CREAT), (2, dir + "/err", os.O_WRONLY | os.O_CREAT)):
        os.dup2(os.open(name, flags, 0o644), fd)
    os.mkdir(dir + "/state")
    os.chdir(dir + "/work")
    os.environ.update(PWD=dir + "/work", HOME=dir, TRANSCRIPT=dir + "/events", ACT_STATE=dir + "/state")
    code = 99
    try:
        PlaybookCLI.cli_executor(["ansible-playbook"] + case["args"])
    except SystemExit as e:
        code = e.code or 0
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def read(path):
    try:
        with open(path) as f:
            return f.read()
    except FileNotFoundError:
        return ""


def answer(case, status):
    dir = case["dir"]
    events = [json.loads(line) for line in read(dir + "/events").splitlines()]
    return {"rc": os.waitstatus_to_exitcode(status), "events": events, "out": read(dir + "/out"), "err": read(dir + "/err")}


def main():
    cases = json.load(sys.stdin)
    answers = [None] * len(cases)
    running = {}
    for i, case in enumerate(cases):
        if len(running) == JOBS:
            pid, status = os.wait()
            j = running.pop(pid)
            answers[j] = answer(cases[j], status)
        pid = os.fork()
        if pid == 0:
            child(case)
        running[pid] = i
    while running:
        pid, status = os.wait()
        j = running.pop(pid)
        answers[j] = answer(cases[j], status)
    json.dump(answers, sys.stdout)


main()
