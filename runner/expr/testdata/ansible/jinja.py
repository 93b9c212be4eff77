# Renders template files as Ansible sets Jinja up: [{"files": {name: text}, "vars": {...}}]
# on stdin, the texts of the file "main" on stdout; "error: ..." when it fails.
import json
import sys

import jinja2


def dictsort(d):
    return sorted(d.items())


def render(case):
    options = {"trim_blocks": True, "lstrip_blocks": False}
    text = case["files"]["main"]
    if text.startswith("#jinja2:"):
        line, _, text = text.partition("\n")
        for part in line[len("#jinja2:"):].split(","):
            k, _, v = part.partition(":")
            options[k.strip()] = v.strip() == "True"
    files = dict(case["files"], main=text)
    env = jinja2.Environment(loader=jinja2.DictLoader(files), keep_trailing_newline=True, undefined=jinja2.StrictUndefined, **options)
    try:
        return env.get_template("main").render(case["vars"])
    except Exception as e:
        return "error: %s" % e


json.dump([render(c) for c in json.load(sys.stdin)], sys.stdout)
