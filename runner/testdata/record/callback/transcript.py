# Writes what happens in a run as JSON lines, for the transcript that is compared with mxplay's.
import json
import os
import sys

from ansible.executor.task_queue_manager import TaskQueueManager
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: transcript
type: notification
short_description: writes events
description: writes events
"""


def queue_manager():
    f = sys._getframe()
    while f:
        if isinstance(f.f_locals.get("self"), TaskQueueManager):
            return f.f_locals["self"]
        f = f.f_back


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "transcript"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.file = open(os.environ["TRANSCRIPT"], "a")

    def write(self, event, **fields):
        fields["event"] = event
        self.file.write(json.dumps(fields, default=str) + "\n")
        self.file.flush()

    def v2_playbook_on_play_start(self, play):
        m = queue_manager()
        out = set(m._failed_hosts) | set(m._unreachable_hosts)
        hosts = m._inventory.get_hosts(play.hosts, order=play.order)
        self.write("play", title=play.get_name(), hosts=[h.name for h in hosts if h.name not in out], free=play.strategy == "free")

    def v2_playbook_on_task_start(self, task, is_conditional):
        self.write("task", title=task.get_name().strip())

    def v2_playbook_on_handler_task_start(self, task):
        self.write("task", title=task.get_name().strip(), handler=True)

    def result(self, status, result, item=False):
        task, res = result._task, result._result
        if isinstance(task, TaskInclude) and status == "ok":
            return
        action = task.action.split(".")[-1]
        if action == "meta":
            return
        fields = {
            "host": result._host.get_name(),
            "title": task.get_name().strip(),
            "handler": type(task).__name__.startswith("Handler"),
            "status": "changed" if status == "ok" and res.get("changed") else status,
            # of a failed one it is one less than there were
            "attempts": 0 if status in ("failed", "ignored") else res.get("attempts", 0),
            "delegate": "" if not item and "results" in res or status == "skipped" else task.delegate_to or "",
        }
        if item:
            label = self._get_item_label(res)
            fields["item"] = label if isinstance(label, str) else json.dumps(label, separators=(",", ":"), ensure_ascii=False)
        if "censored" in res:
            fields["hidden"] = True
            fields.pop("item", None)
        elif not item and "results" in res:
            pass
        elif status in ("skipped", "unreachable"):
            pass
        elif action == "debug" and status in ("ok", "changed"):
            fields["value"] = res["msg"] if "msg" in res else res.get(task.args.get("var"))
        elif action == "act" and res.get("stdout"):
            fields["value"] = res["stdout"]
        elif action == "fail":
            fields["value"] = res.get("msg")
        if status in ("failed", "unreachable"):
            fields["msg"] = str(res.get("msg", ""))
        self.write("result", **fields)

    def v2_runner_on_ok(self, result):
        self.result("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.result("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_skipped(self, result):
        self.result("skipped", result)

    def v2_runner_on_unreachable(self, result):
        self.result("ignored" if result._task.ignore_unreachable else "unreachable", result)

    def v2_runner_item_on_ok(self, result):
        self.result("ok", result, True)

    def v2_runner_item_on_failed(self, result):
        self.result("ignored" if result._task.ignore_errors else "failed", result, True)

    def v2_runner_item_on_skipped(self, result):
        self.result("skipped", result, True)

    def v2_playbook_on_stats(self, stats):
        names = {"ok": "ok", "changed": "changed", "unreachable": "unreachable", "failures": "failed", "skipped": "skipped", "rescued": "rescued", "ignored": "ignored"}
        hosts = {}
        for h in stats.processed:
            s = stats.summarize(h)
            hosts[h] = {new: s[old] for old, new in names.items() if s[old]}
        self.write("recap", hosts=hosts)
