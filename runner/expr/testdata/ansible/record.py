# Evaluates Jinja expressions as ansible-core 2.19 does: {"vars": {...}, "exprs": [...]}
# on stdin, a list of JSON texts on stdout; "error: ..." and "undefined" stand bare.
import json
import logging
import os
import sys

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template
from ansible.utils.display import Display

logging.disable(logging.CRITICAL)
init_plugin_loader()
os.environ["TZ"] = "UTC"


def plain(v):
    if isinstance(v, dict):
        return {str(k): plain(x) for k, x in v.items()}
    if isinstance(v, (list, tuple, set)):
        return [plain(x) for x in v]
    if v is None or isinstance(v, (bool, int, float)):
        return v
    if isinstance(v, str):
        return str(v)
    return repr(v)


def trusted(v):
    return {k: trust_as_template(x) if isinstance(x, str) else x for k, x in v.items()}


def answer(templar, e):
    try:
        v = templar.evaluate_expression(trust_as_template(e))
        return json.dumps(plain(v), ensure_ascii=False)
    except BaseException as err:
        text = str(err).replace("\n", " ")
        if "undefined" in type(err).__name__.lower():
            return "undefined"
        return "error: " + text


def main():
    job = json.load(sys.stdin)
    out = sys.stdout
    sys.stdout = sys.stderr
    templar = Templar(loader=DataLoader(), variables=trusted(job["vars"]))
    json.dump([answer(templar, e) for e in job["exprs"]], out)


main()
