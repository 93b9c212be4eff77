// Package builtin is the list of all kinds of task. A new module is one folder
// beside this one and one line here.
package builtin

import (
	"github.com/mxplay/mxplay/modules"
	addhost "github.com/mxplay/mxplay/modules/add_host"
	aptrepo "github.com/mxplay/mxplay/modules/apt_repo"
	"github.com/mxplay/mxplay/modules/assemble"
	"github.com/mxplay/mxplay/modules/assert"
	asyncstatus "github.com/mxplay/mxplay/modules/async_status"
	authorizedkey "github.com/mxplay/mxplay/modules/authorized_key"
	"github.com/mxplay/mxplay/modules/blockinfile"
	"github.com/mxplay/mxplay/modules/command"
	"github.com/mxplay/mxplay/modules/copy"
	"github.com/mxplay/mxplay/modules/cron"
	"github.com/mxplay/mxplay/modules/debconf"
	"github.com/mxplay/mxplay/modules/debug"
	"github.com/mxplay/mxplay/modules/fail"
	"github.com/mxplay/mxplay/modules/fetch"
	"github.com/mxplay/mxplay/modules/file"
	"github.com/mxplay/mxplay/modules/find"
	geturl "github.com/mxplay/mxplay/modules/get_url"
	"github.com/mxplay/mxplay/modules/getent"
	"github.com/mxplay/mxplay/modules/git"
	"github.com/mxplay/mxplay/modules/group"
	groupby "github.com/mxplay/mxplay/modules/group_by"
	"github.com/mxplay/mxplay/modules/hostname"
	includevars "github.com/mxplay/mxplay/modules/include_vars"
	"github.com/mxplay/mxplay/modules/json"
	"github.com/mxplay/mxplay/modules/lineinfile"
	matrixfederation "github.com/mxplay/mxplay/modules/matrix_federation"
	pkg "github.com/mxplay/mxplay/modules/package"
	packagefacts "github.com/mxplay/mxplay/modules/package_facts"
	"github.com/mxplay/mxplay/modules/pause"
	"github.com/mxplay/mxplay/modules/ping"
	postgresdb "github.com/mxplay/mxplay/modules/postgres_db"
	postgreshba "github.com/mxplay/mxplay/modules/postgres_hba"
	postgresident "github.com/mxplay/mxplay/modules/postgres_ident"
	postgresuser "github.com/mxplay/mxplay/modules/postgres_user"
	"github.com/mxplay/mxplay/modules/raw"
	"github.com/mxplay/mxplay/modules/reboot"
	"github.com/mxplay/mxplay/modules/replace"
	"github.com/mxplay/mxplay/modules/script"
	"github.com/mxplay/mxplay/modules/secret"
	servicefacts "github.com/mxplay/mxplay/modules/service_facts"
	setfact "github.com/mxplay/mxplay/modules/set_fact"
	"github.com/mxplay/mxplay/modules/setup"
	"github.com/mxplay/mxplay/modules/shell"
	"github.com/mxplay/mxplay/modules/slurp"
	"github.com/mxplay/mxplay/modules/stat"
	synapseuser "github.com/mxplay/mxplay/modules/synapse_user"
	"github.com/mxplay/mxplay/modules/sysctl"
	"github.com/mxplay/mxplay/modules/systemd"
	"github.com/mxplay/mxplay/modules/tempfile"
	"github.com/mxplay/mxplay/modules/template"
	"github.com/mxplay/mxplay/modules/timezone"
	tlscertificate "github.com/mxplay/mxplay/modules/tls_certificate"
	tlscheck "github.com/mxplay/mxplay/modules/tls_check"
	turncheck "github.com/mxplay/mxplay/modules/turn_check"
	"github.com/mxplay/mxplay/modules/unarchive"
	"github.com/mxplay/mxplay/modules/uri"
	"github.com/mxplay/mxplay/modules/user"
	waitfor "github.com/mxplay/mxplay/modules/wait_for"
	waitforconnection "github.com/mxplay/mxplay/modules/wait_for_connection"
	wellknown "github.com/mxplay/mxplay/modules/well_known"
	"github.com/mxplay/mxplay/modules/yaml"
)

// Tasks are all kinds of task, by name.
func Tasks() []*modules.Task {
	return []*modules.Task{
		addhost.Task(),
		aptrepo.Task(),
		assemble.Task(),
		assert.Task(),
		asyncstatus.Task(),
		authorizedkey.Task(),
		blockinfile.Task(),
		command.Task(),
		copy.Task(),
		cron.Task(),
		debconf.Task(),
		debug.Task(),
		fail.Task(),
		fetch.Task(),
		file.Task(),
		find.Task(),
		geturl.Task(),
		getent.Task(),
		git.Task(),
		group.Task(),
		groupby.Task(),
		hostname.Task(),
		includevars.Task(),
		json.Task(),
		lineinfile.Task(),
		matrixfederation.Task(),
		pkg.Task(),
		packagefacts.Task(),
		pause.Task(),
		ping.Task(),
		postgresdb.Task(),
		postgreshba.Task(),
		postgresident.Task(),
		postgresuser.Task(),
		raw.Task(),
		reboot.Task(),
		replace.Task(),
		script.Task(),
		secret.Task(),
		servicefacts.Task(),
		setfact.Task(),
		setup.Task(),
		shell.Task(),
		slurp.Task(),
		stat.Task(),
		synapseuser.Task(),
		sysctl.Task(),
		systemd.Task(),
		tempfile.Task(),
		template.Task(),
		timezone.Task(),
		tlscertificate.Task(),
		tlscheck.Task(),
		turncheck.Task(),
		unarchive.Task(),
		uri.Task(),
		user.Task(),
		waitfor.Task(),
		waitforconnection.Task(),
		wellknown.Task(),
		yaml.Task(),
	}
}
