# Facts of hosts that are not there: their names.
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        name = task_vars.get("ansible_host") or task_vars["inventory_hostname"]
        if name == "nowhere":
            raise AnsibleConnectionFailure("no route to host")
        return {"ansible_facts": {"hostname": name, "ansible_hostname": name, "nodename": name, "ansible_nodename": name}}
