# act does as it is told, as the module of the same name in the tests of mxplay.
import hashlib
import os

from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    _supports_check_mode = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        args = self._task.args
        out = str(args.get("out") or "")
        host = task_vars.get("ansible_host") or task_vars["inventory_hostname"]
        if self._task.delegate_to:
            d = self._task.delegate_to
            host = (task_vars.get("ansible_delegated_vars") or {}).get(d, {}).get("ansible_host") or d
        if host == "nowhere" or boolean(args.get("cut", False)):
            raise AnsibleConnectionFailure("no route to host")
        if self._task.check_mode:
            return {"skipped": True}
        env = {}
        self._compute_environment_string(env)
        path = os.environ["ACT_STATE"] + "/" + hashlib.sha256((host + "\0" + out).encode()).hexdigest()
        with open(path, "a+") as f:
            f.write("x")
            f.flush()
            tries = f.tell()
        user = self._connection.get_option("remote_user") if self._connection.transport != "local" else self._play_context.remote_user
        if self._connection.become:
            user = self._connection.become.get_option("become_user", playcontext=self._play_context) or "root"
        result = {
            "changed": boolean(args.get("changed", True)),
            "stdout": out,
            "rc": 0,
            "user": user or "me",
            "host": host,
            "env": {k: str(v) for k, v in env.items()},
            "try": tries,
        }
        if boolean(args.get("fail", False)) or tries < int(args.get("until", 0)):
            result.update(failed=True, rc=1, msg="it failed: " + out)
        return result
