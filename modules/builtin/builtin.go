// Package builtin is the list of all kinds of task. A new module is one folder
// beside this one and one line here.
package builtin

import (
	"github.com/mxplay/mxplay/modules"
	aptrepo "github.com/mxplay/mxplay/modules/apt_repo"
	"github.com/mxplay/mxplay/modules/debconf"
	pkg "github.com/mxplay/mxplay/modules/package"
	postgresdb "github.com/mxplay/mxplay/modules/postgres_db"
	postgreshba "github.com/mxplay/mxplay/modules/postgres_hba"
	postgresident "github.com/mxplay/mxplay/modules/postgres_ident"
	postgresuser "github.com/mxplay/mxplay/modules/postgres_user"
	synapseuser "github.com/mxplay/mxplay/modules/synapse_user"
	"github.com/mxplay/mxplay/modules/systemd"
	tlscertificate "github.com/mxplay/mxplay/modules/tls_certificate"
	"github.com/mxplay/mxplay/modules/uri"
	waitfor "github.com/mxplay/mxplay/modules/wait_for"
)

// Tasks are all kinds of task, by name.
func Tasks() []*modules.Task {
	return []*modules.Task{
		aptrepo.Task(),
		debconf.Task(),
		pkg.Task(),
		postgresdb.Task(),
		postgreshba.Task(),
		postgresident.Task(),
		postgresuser.Task(),
		synapseuser.Task(),
		systemd.Task(),
		tlscertificate.Task(),
		uri.Task(),
		waitfor.Task(),
	}
}
