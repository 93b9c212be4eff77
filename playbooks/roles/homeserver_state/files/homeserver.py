"""What a homeserver runs with, a backup of it, and the way back.

    homeserver.py keys                      the public halves of the signing keys
    homeserver.py state                     versions, schema, users, background updates
    homeserver.py updates                   background updates that are not done
    homeserver.py processes                 each process that runs, where it answers, and whether its code is older than the package's
    homeserver.py backup --folder DIR ...   makes DIR/TIME, and says so
    homeserver.py restore --folder DIR      database and media out of a backup

For root, with the interpreter that has Synapse's modules. It answers in JSON,
and takes no secret as an argument.
"""
import argparse
import datetime
import fcntl
import glob
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

import yaml

ETC = "/etc/matrix-synapse"
ACCOUNT = "matrix-synapse"
# A new file begins after so many bytes: what is fetched goes in one piece.
VOLUME = 48 << 20
# What servers give out once must not be given out again by a database that went back.
WITHOUT_DATA = ["e2e_one_time_keys_json"]
MEDIA = {
    "none": [],
    "local": ["local_content", "local_thumbnails"],
    "all": ["local_content", "local_thumbnails", "remote_content", "remote_thumbnail", "url_cache", "url_cache_thumbnails"],
}


class Failed(Exception):
    """What went wrong, in a line."""


def configuration():
    """Every file's keys, the last one wins, as Synapse reads them."""
    merged = {}
    for name in [ETC + "/homeserver.yaml", *sorted(glob.glob(ETC + "/conf.d/*.yaml"))]:
        try:
            with open(name) as f:
                doc = yaml.safe_load(f)
        except FileNotFoundError:
            continue
        if isinstance(doc, dict):
            merged.update(doc)
    return merged


def signing_key_path(conf):
    return conf.get("signing_key_path") or ETC + "/homeserver.signing.key"


def public_keys(conf):
    """Key id to public key of each signing key, as the server publishes them."""
    import base64

    import nacl.signing

    keys = {}
    try:
        with open(signing_key_path(conf)) as f:
            lines = f.read().split("\n")
    except FileNotFoundError:
        return keys
    for line in lines:
        words = line.split()
        if len(words) == 3:
            seed = base64.b64decode(words[2] + "=" * (-len(words[2]) % 4))
            public = nacl.signing.SigningKey(seed).verify_key.encode()
            keys[f"{words[0]}:{words[1]}"] = base64.b64encode(public).decode().rstrip("=")
    return keys


def connection(conf):
    """How Synapse reaches PostgreSQL, in libpq's words."""
    database = conf.get("database") or {}
    if database.get("name") != "psycopg2":
        raise Failed("Synapse does not run on PostgreSQL")
    args = {k: v for k, v in database.get("args", {}).items() if not k.startswith("cp_") and v is not None}
    if "database" in args:
        args["dbname"] = args.pop("database")
    return args


def as_account(argv, **more):
    """Runs a program as Synapse's account, with nothing of ours in its environment."""
    more.setdefault("env", {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"})
    more.setdefault("cwd", "/")
    return subprocess.Popen(argv, user=ACCOUNT, group=account_group(), extra_groups=[], **more)


def account_group():
    import pwd

    return pwd.getpwnam(ACCOUNT).pw_gid


# The password goes by standard input, the rows come back as JSON.
QUERY = """import json, sys, psycopg2
asked = json.load(sys.stdin)
try:
    c = psycopg2.connect(**asked["args"])
    with c, c.cursor() as cur:
        cur.execute(asked["sql"])
        print(json.dumps(cur.fetchall() if cur.description else [], default=str))
except psycopg2.Error as e:
    sys.exit(str(e).strip())
"""


def query(args, sql):
    p = as_account([sys.executable, "-c", QUERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = p.communicate(json.dumps({"args": {**args, "connect_timeout": 10}, "sql": sql}).encode())
    if p.returncode:
        raise Failed("PostgreSQL: " + err.decode().strip())
    return json.loads(out)


class Libpq:
    """The environment in which PostgreSQL's programs connect; the password is in a file that goes at the end."""

    def __init__(self, args):
        self.args, self.file = args, None

    def __enter__(self):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE", "sslmode": "PGSSLMODE",
                 "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY", "hostaddr": "PGHOSTADDR"}
        for k, name in names.items():
            if k in self.args:
                env[name] = str(self.args[k])
        if "password" in self.args:
            f = tempfile.NamedTemporaryFile("w", prefix="homeserver-", delete=False)  # 0600
            self.file = f.name
            escaped = str(self.args["password"]).replace("\\", "\\\\").replace(":", "\\:")
            f.write(f"*:*:*:*:{escaped}\n")
            f.close()
            shutil.chown(f.name, ACCOUNT)
            env["PGPASSFILE"] = f.name
        return env

    def __exit__(self, *_):
        if self.file:
            os.unlink(self.file)


def known_schema():
    """The schema that the installed code is made for."""
    spec = importlib.util.find_spec("synapse")
    if spec is None or not spec.submodule_search_locations:
        return None
    with open(os.path.join(spec.submodule_search_locations[0], "storage/schema/__init__.py")) as f:
        found = re.search(r"(?m)^SCHEMA_VERSION = (\d+)", f.read())
    return int(found.group(1)) if found else None


def schema(args):
    """Version of the database's schema, and the oldest code that may use it; nothing in an empty database."""
    if query(args, "select to_regclass('schema_version')") == [[None]]:
        return None, None
    version = query(args, "select version from schema_version")
    compat = query(args, "select compat_version from schema_compat_version")
    return version and version[0][0] or None, compat and compat[0][0] or None


def versions():
    names = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Status}\n", "matrix-synapse-py3", "matrix-synapse"],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    installed = [line.split()[:2] for line in names.splitlines() if line.endswith(" installed")]
    installed.sort(key=lambda p: p[0] != "matrix-synapse-py3")
    try:
        synapse = importlib.metadata.version("matrix-synapse")
    except importlib.metadata.PackageNotFoundError:
        synapse = None
    return {"synapse": synapse, "package": installed[0][0] if installed else None, "package_version": installed[0][1] if installed else None}


def state(conf):
    found = {"server_name": conf.get("server_name"), **versions(), "known_schema": known_schema(), "signing_keys": public_keys(conf),
             "schema": None, "compat": None, "users": [], "rooms": 0, "updates": [], "database": "", "pg_dump": bool(shutil.which("pg_dump")), "postgresql": None}
    try:
        args = connection(conf)
        found["postgresql"] = query(args, "show server_version")[0][0]
        found["schema"], found["compat"] = schema(args)
        if found["schema"] is not None:
            found["users"] = [r[0] for r in query(args, "select name from users order by creation_ts, name limit 3")]
            found["rooms"] = query(args, "select count(*) from (select 1 from rooms limit 1000) r")[0][0]
            found["updates"] = [r[0] for r in query(args, "select update_name from background_updates order by update_name")]
    except Failed as e:
        found["database"] = str(e)
    return found


def updates(conf):
    return [r[0] for r in query(connection(conf), "select update_name from background_updates order by update_name")]


def unit_value(unit, name):
    return subprocess.run(["systemctl", "show", "-P", name, "--timestamp=unix", unit], stdout=subprocess.PIPE, text=True).stdout.strip()


def processes(conf):
    """Every process that runs, the main one first."""
    names = subprocess.run(["systemctl", "list-units", "--plain", "--no-legend", "--state=active", "matrix-synapse.service", "matrix-synapse-worker@*.service"],
                           stdout=subprocess.PIPE, text=True).stdout
    package = max(os.stat(f).st_ctime for f in glob.glob("/var/lib/dpkg/info/matrix-synapse*.list"))
    found = []
    for unit in sorted((line.split()[0] for line in names.splitlines()), key=lambda u: ("@" in u, u)):
        name, listeners = "main", conf.get("listeners") or []
        if "@" in unit:
            name = unit.split("@")[1].removesuffix(".service")
            with open(f"{ETC}/workers/{name}.yaml") as f:
                listeners = yaml.safe_load(f).get("worker_listeners") or []
        http = [x for x in listeners if x.get("type") == "http" and x.get("port") and not x.get("tls")
                and any(n != "replication" for r in x.get("resources", []) for n in r.get("names", []))]
        if not http:
            raise Failed(f"{unit} has no listener that says how it is")
        addresses = http[0].get("bind_addresses") or ["127.0.0.1"]
        address = "127.0.0.1" if "127.0.0.1" in addresses or "0.0.0.0" in addresses else addresses[0]
        started = int(unit_value(unit, "ExecMainStartTimestamp").lstrip("@") or 0)
        found.append({"name": name, "unit": unit, "stale": started <= package,
                      "url": f"http://{'[' + address + ']' if ':' in address else address}:{http[0]['port']}/health"})
    return found


class Volumes:
    """A stream that becomes one file, or several that are read one after the other."""

    def __init__(self, folder, name):
        self.folder, self.name, self.files, self.f, self.left = folder, name, [], None, 0

    def write(self, data):
        view = memoryview(data)
        while view:
            if not self.left:
                self.next()
            part = view[:self.left]
            self.f.write(part)
            self.sum.update(part)
            self.size += len(part)
            self.left -= len(part)
            view = view[len(part):]
        return len(data)

    def next(self):
        self.end()
        path = os.path.join(self.folder, f"{self.name}.{len(self.files):03}")
        self.f, self.sum, self.size, self.left = open(path, "xb"), hashlib.sha256(), 0, VOLUME

    def end(self):
        if not self.f:
            return
        self.f.flush()
        os.fsync(self.f.fileno())
        self.f.close()
        self.files.append({"name": os.path.basename(self.f.name), "size": self.size, "sha256": self.sum.hexdigest()})
        self.f = None

    def close(self):
        self.end()
        if not self.files:
            self.next()
            self.end()
        if len(self.files) == 1:
            os.rename(os.path.join(self.folder, self.files[0]["name"]), os.path.join(self.folder, self.name))
            self.files[0]["name"] = self.name
        return self.files


def dump_database(folder, args):
    out = Volumes(folder, "database.dump")
    argv = ["pg_dump", "--format=custom", "--no-password", *("--exclude-table-data=" + t for t in WITHOUT_DATA)]
    with Libpq(args) as env, tempfile.TemporaryFile() as err:
        try:
            p = as_account(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=err)
        except FileNotFoundError:
            raise Failed("pg_dump is not there: install postgresql-client")
        shutil.copyfileobj(p.stdout, out, 1 << 20)
        if p.wait():
            err.seek(0)
            raise Failed("pg_dump: " + err.read().decode(errors="replace").strip())
    return out.close()


def pack(folder, name, base, entries):
    """A tar file of the entries below base; what goes meanwhile is not in it."""
    out = Volumes(folder, name)
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for entry in entries:
            walk(tar, base, entry)
    return out.close()


def walk(tar, base, entry):
    path = os.path.join(base, entry)
    try:
        member = tar.gettarinfo(path, entry)
        if member is None:  # a socket
            return
        if member.isreg():
            with open(path, "rb") as f:
                tar.addfile(member, f)
            return
        tar.addfile(member)
        below = sorted(os.listdir(path)) if member.isdir() else []
    except FileNotFoundError:
        return
    for name in below:
        walk(tar, base, os.path.join(entry, name))


def media_path(conf):
    return conf.get("media_store_path") or "/var/lib/matrix-synapse/media"


def backup(conf, a):
    args = connection(conf)
    os.umask(0o077)
    os.makedirs(a.folder, exist_ok=True)
    lock = open(os.path.join(a.folder, ".lock"), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Failed("another backup is being made")
    for left in glob.glob(os.path.join(a.folder, ".new-*")):
        shutil.rmtree(left)
    made = datetime.datetime.now(datetime.timezone.utc)
    name = made.strftime("%Y%m%dT%H%M%SZ")
    while os.path.exists(os.path.join(a.folder, name)):
        made += datetime.timedelta(seconds=1)
        name = made.strftime("%Y%m%dT%H%M%SZ")
    new = os.path.join(a.folder, ".new-" + name)
    os.mkdir(new)
    version, compat = schema(args)
    if version is None:
        raise Failed("the database is empty: Synapse has not run yet")
    # The database before the media: whatever an event names is there when the media are read.
    parts = {"database": dump_database(new, args)}
    media = media_path(conf)
    parts["media"] = pack(new, "media.tar", media, [d for d in MEDIA[a.media] if os.path.isdir(os.path.join(media, d))])
    parts["configuration"] = pack(new, "configuration.tar", ETC, sorted(os.listdir(ETC)))
    parts["secrets"] = pack(new, "secrets.tar", a.secrets, sorted(os.listdir(a.secrets)) if os.path.isdir(a.secrets) else [])
    with open(signing_key_path(conf), "rb") as f:
        key = Volumes(new, "signing.key")
        key.write(f.read())
        parts["signing_key"] = key.close()
    manifest = {"format": 1, "made": made.isoformat(timespec="seconds"), "server_name": conf["server_name"], **versions(),
                "postgresql": query(args, "show server_version")[0][0], "schema": version, "compat": compat,
                "signing_keys": public_keys(conf), "media": a.media, "parts": parts}
    with open(os.path.join(new, "manifest.json"), "x") as f:
        json.dump(manifest, f, indent=2)
        f.write("\n")
        f.flush()
        os.fsync(f.fileno())
    done = os.path.join(a.folder, name)
    os.rename(new, done)
    old = sorted(d for d in os.listdir(a.folder) if re.fullmatch(r"\d{8}T\d{6}Z", d))
    gone = old[:-a.keep] if a.keep > 0 else []
    for d in gone:
        shutil.rmtree(os.path.join(a.folder, d))
    files = ["manifest.json"] + [f["name"] for p in parts.values() for f in p]
    return {"folder": done, "name": name, "files": files, "removed": gone}


def feed(folder, files, argv, env=None):
    """Gives the files, one after the other, to a program of Synapse's account."""
    with tempfile.TemporaryFile() as err:
        more = {"env": env} if env else {}
        try:
            p = as_account(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=err, **more)
        except FileNotFoundError:
            raise Failed(argv[0] + " is not there")
        try:
            for f in files:
                with open(os.path.join(folder, f["name"]), "rb") as src:
                    shutil.copyfileobj(src, p.stdin, 1 << 20)
            p.stdin.close()
        except BrokenPipeError:
            pass
        if p.wait():
            err.seek(0)
            raise Failed(argv[0] + ": " + err.read().decode(errors="replace").strip())


def restore(conf, a):
    with open(os.path.join(a.folder, "manifest.json")) as f:
        manifest = json.load(f)
    known, needed = known_schema(), manifest["compat" if a.schema == "compatible" else "schema"]
    if known is None or needed > known:
        raise Failed(f"the backup's database has schema {manifest['schema']} (of Synapse {manifest['synapse']}, for {manifest['compat']} and newer),"
                     f" and the host's Synapse {versions()['synapse']} is made for {known}: upgrade the package first")
    args = connection(conf)
    # Tables that were there before, also those that the backup does not know.
    query(args, "drop owned by current_user cascade")
    with Libpq(args) as env:
        feed(a.folder, manifest["parts"]["database"],
             ["pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", "--no-password",
              "--dbname=" + str(args["dbname"])], env)
    for table in WITHOUT_DATA:
        query(args, f"truncate {table}")
    media = media_path(conf)
    os.makedirs(media, mode=0o750, exist_ok=True)
    shutil.chown(media, ACCOUNT, account_group())
    feed(a.folder, manifest["parts"]["media"], ["tar", "--extract", "--no-same-owner", "--directory=" + media, "--file=-"])
    version, _ = schema(args)
    return {"schema": version, "users": query(args, "select count(*) from users")[0][0]}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("what", choices=["keys", "state", "updates", "processes", "backup", "restore"])
    p.add_argument("--folder")
    p.add_argument("--keep", type=int, default=0)
    p.add_argument("--media", choices=list(MEDIA), default="local")
    p.add_argument("--schema", choices=["known", "compatible"], default="known")
    p.add_argument("--secrets", default="/etc/mxplay/secrets")
    a = p.parse_args()
    conf = configuration()
    try:
        if a.what in ("backup", "restore") and not a.folder:
            raise Failed("--folder is needed")
        answer = {"keys": lambda: public_keys(conf), "state": lambda: state(conf), "updates": lambda: updates(conf),
                  "processes": lambda: processes(conf),
                  "backup": lambda: backup(conf, a), "restore": lambda: restore(conf, a)}[a.what]()
    except Failed as e:
        sys.exit(f"{a.what}: {e}")
    print(json.dumps(answer))


main()
