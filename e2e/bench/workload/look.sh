# The workload looked at by hand: what a skilled administrator would write to
# see whether a host is as mxplay.yml says. It looks and changes nothing, and
# it starts no program twice where once will do.
set -u
bad=0
no() { echo "differs: $*"; bad=1; }

[ "$(dpkg-query -W -f '${Status}\n' nginx postgresql python3-psycopg2 curl acl 2>&1 | sort -u)" = 'install ok installed' ] ||
	no packages

[ "$(systemctl show -p ActiveState -p UnitFileState postgresql nginx | sort -u)" = '
ActiveState=active
UnitFileState=enabled' ] || no services

[ "$(runuser -u postgres -- psql -XAtq -d postgres -c "
	SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname = 'bench'" -c "
	SELECT datname, pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype
	FROM pg_database WHERE datname = 'bench'")" = 'bench|t
bench|bench|UTF8|C|C' ] || no PostgreSQL

case $(getent passwd bench) in
bench:*:/opt/bench:/usr/sbin/nologin) ;;
*) no account ;;
esac

cd /opt/bench || exit 1
[ "$(stat -c '%n %F %a %U:%G' conf conf/* data data/media cache www www/well-known log)" = 'conf directory 750 bench:bench
conf/database.yaml regular file 640 root:bench
conf/email.yaml regular file 640 root:bench
conf/limits.yaml regular file 640 root:bench
conf/listeners.yaml regular file 640 root:bench
conf/logging.yaml regular file 640 root:bench
conf/media.yaml regular file 640 root:bench
conf/parts directory 750 bench:bench
conf/server.yaml regular file 640 root:bench
conf/site.conf regular file 640 root:bench
conf/turn.conf regular file 640 root:bench
conf/unit.env regular file 640 root:bench
data directory 750 bench:bench
data/media directory 750 bench:bench
cache directory 750 bench:bench
www directory 750 bench:bench
www/well-known directory 750 bench:bench
log directory 750 bench:bench' ] || no 'attributes in conf'
[ "$(stat -c '%n %F %a' . www/*.* www/well-known/*)" = '. directory 755
www/banner.txt regular file 644
www/cleanup.sh regular file 644
www/index.html regular file 644
www/limits.conf regular file 644
www/privacy.html regular file 644
www/robots.txt regular file 644
www/rotate.conf regular file 644
www/style.css regular file 644
www/sysctl.conf regular file 644
www/terms.html regular file 644
www/well-known/client regular file 644
www/well-known/server regular file 644' ] || no 'attributes in www'
sha256sum --quiet --strict -c <<'SUMS' || no contents
4e5b79c116f271b274afc99b7fc394a94eaf379d8c976dfb7ff94b4418978996  conf/database.yaml
f4906d46948e5363b223db0d4e5f99ed8c0d01495554365afcf638a02dc4aaf2  conf/email.yaml
24ab154140ae8909b14a7326c7ed7cd164f0ff6cb56e4ec8b35bb1eacf905a81  conf/limits.yaml
043c8641e76648ac45f5183ca09e494bac8ba9ce198c78e88b335d7b2acf522f  conf/listeners.yaml
fd0f0409d34deba9c5c525a3458396b72b8ef0087eb53337a7a09fd6387fbd04  conf/logging.yaml
99d930d48f1379594a933fb314dccb10c844a296130bbb213f579b2cbfc22f37  conf/media.yaml
73c4955ef3d5f2cf54ccca1525976f39eb2d258a6e43c55027511a880c55608e  conf/server.yaml
57971a215ebc0e894f7769df0ed8122a03872d178fa322f0fc1a96d3c5ed5e19  conf/site.conf
045f483e6845fe2cd3d7fbbe7a8b68b483cea00dba97f02fe0d029e74d81166c  conf/turn.conf
f22e8797976b0192e93edc80697a2dd45ea431d7d80751e3eb3b79f8a8dd58d3  conf/unit.env
d321491af2ebce7dc0c58613f6a9b638210b2649c9d021830674928027b02d51  www/banner.txt
50ed1df76e0f21ee023b4e651dab93a787f4a5715dd050ce3132061508d4bdc3  www/cleanup.sh
97e5d61911ce11f20c6b30dd3027637429581ad93a4c46ec89dd5871476937dc  www/index.html
cea9d7bcb3c31465d1af4a504e615b0698a3448b59e89af37dde657ffd167841  www/limits.conf
dcaaa6151fa4d3a04b9d50d8d4ede5fcb9a05c7b4e2e685feba115966363270d  www/privacy.html
0eb85da0e087a961a14c17ed3d5455d9b52396d025b2c0dcef1f58a53429b2c9  www/robots.txt
fe981a4e8717ac5185df6d92cba55d2082f34409692893c87134ae4e6d400011  www/rotate.conf
639b4cfd3d088c62a5eb10276269842110d08246e36abbcd2e4200f06d95be03  www/style.css
a3492a2650666d5fc27e840f431df6bb8336fb41b216ac9ed2f41edff3a6494f  www/sysctl.conf
b7774fb2e23070ae78b26138fb75e23d652b109760dcf638ec813bb01d1fe107  www/terms.html
d3822d779727aa2d1fea0c3a75e2ed427a1a1312aa2f05b3b31f12df2ba4267b  www/well-known/client
b8079c9b7ea844fc8b6c988c063c2a3dd9d2e7f28c634572fec4af3e7bc2b80a  www/well-known/server
SUMS

grep -qxF '127.0.1.1 matrix.example.org' /etc/hosts || no 'the line'
[ "$(readlink /etc/bench)" = /opt/bench/conf ] || no 'the link'
[ -e data/signing.key ] || no 'the key'

[ $bad = 0 ] && echo 'all is well'
exit $bad
