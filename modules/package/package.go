// Package pkg is the module package: Debian packages, through apt and dpkg.
package pkg

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/mxplay/mxplay/modules"
	"github.com/mxplay/mxplay/modules/internal/debconf"
)

// Args are what the playbook says.
type Args struct {
	Name             []string `json:"name" alias:"pkg,package" doc:"packages: name, name=version (the version may hold *), name/release, name:architecture"`
	State            string   `json:"state" default:"present" enum:"present,absent,latest" doc:"present: installed, any version if none is named; latest: at apt's candidate; absent: removed"`
	Version          string   `json:"version" doc:"version of the one package named; may hold *"`
	Purge            bool     `json:"purge" default:"false" doc:"with absent: remove its configuration files too, also of a package removed before"`
	InstallRecommend *bool    `json:"install_recommends" doc:"install what is recommended too; apt's own setting if not given"`
	UpdateCache      *bool    `json:"update_cache" alias:"update-cache" doc:"apt-get update first, when something is to be installed and the lists are older than cache_valid_time or than a source; if not given, when the lists are missing or a source is newer; false: never"`
	CacheValidTime   int      `json:"cache_valid_time" default:"3600" doc:"seconds for which lists are fresh enough for update_cache: true"`
	Hold             *bool    `json:"hold" doc:"hold the packages at their version (true), or let them go (false)"`
	AllowDowngrade   bool     `json:"allow_downgrade" alias:"allow_downgrades" default:"false" doc:"let a version that is older than the installed one in"`
	OnlyUpgrade      bool     `json:"only_upgrade" default:"false" doc:"leave packages that are not installed alone"`
	DefaultRelease   string   `json:"default_release" doc:"release to take packages from, as apt-get -t"`
	Autoremove       bool     `json:"autoremove" default:"false" doc:"remove what was installed only as a dependency and is no longer needed"`
	Start            bool     `json:"start" default:"true" doc:"false: services that the packages bring are not started by the install; a policy-rc.d holds them back meanwhile"`
	Debconf          []Answer `json:"debconf" doc:"answers to the questions that the packages ask, set before the install"`
	Conffiles        string   `json:"conffiles" default:"old" enum:"old,new" doc:"which one to keep when a configuration file was changed on the host and in the package"`
	LockTimeout      int      `json:"lock_timeout" default:"300" doc:"seconds to wait for another apt or dpkg to end"`
}

// Answer is one answer to debconf.
type Answer struct {
	Owner    string `json:"name" alias:"owner" doc:"the package that asks; the first one named if not given"`
	Question string `json:"question" required:"true" doc:"the question"`
	Type     string `json:"vtype" alias:"type" default:"string" enum:"string,boolean,select,multiselect,note,text,password,error,title" doc:"its type"`
	Value    string `json:"value" doc:"the answer"`
	Secret   bool   `json:"secret" default:"false" doc:"never show the answer"`
}

// State is what the host shows.
type State struct {
	Installed map[string]string `json:"installed" doc:"version of each package named that is installed and whole"`
	Candidate map[string]string `json:"candidate" doc:"version apt would install of each package named, where that was looked up"`

	Todo      []want            `json:"-"`                         // present, latest: packages to install or upgrade
	Remove    []string          `json:"remove" private:"true"`     // absent
	Broken    []string          `json:"broken" private:"true"`     // half installed or half configured
	HoldTodo  []string          `json:"hold_todo" private:"true"`  // their hold is not as wanted
	Held      []string          `json:"held" private:"true"`       // of Todo and Remove, those dpkg holds
	Unknown   map[string]string `json:"unknown" private:"true"`    // why apt has nothing to install for a name
	Stale     string            `json:"stale" private:"true"`      // why the lists are too old; ""
	Questions []question        `json:"-"`                         // answers to set
	Change    change            `json:"-"`                         // what apt says it would do
	Refused   []string          `json:"refused" private:"true"`    // why apt would not do it
	Orphans   []string          `json:"orphans" private:"true"`    // what autoremove would take
	LeftOver  bool              `json:"left_over" private:"true"`  // a policy-rc.d of ours that a cut left behind
	Down      []string          `json:"downgrades" private:"true"` // versions wanted that are older
}

type question struct {
	Answer debconf.Answer
	Now    debconf.Record
}

// want is one entry of name.
type want struct {
	Name    string // with :architecture if one was given
	Version string
	Release string
}

func (w want) String() string {
	switch {
	case w.Version != "":
		return w.Name + "=" + w.Version
	case w.Release != "":
		return w.Name + "/" + w.Release
	}
	return w.Name
}

// fits tells that an installed version is one that is wanted.
func (w want) fits(version string) bool {
	if w.Version == "" || w.Version == version {
		return true
	}
	ok, err := path.Match(w.Version, version)
	return err == nil && ok
}

var (
	nameRE    = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]*(:[a-z0-9-]+)?$`)
	versionRE = regexp.MustCompile(`^[A-Za-z0-9.+:~*-]+$`)
)

func parseWant(s string) (want, error) {
	var w want
	if n, v, ok := strings.Cut(s, "="); ok {
		w = want{Name: strings.TrimSpace(n), Version: strings.TrimSpace(v)}
		if !versionRE.MatchString(w.Version) || w.Version[0] == '-' {
			return w, fmt.Errorf("%q: %q is no version", s, w.Version)
		}
	} else if n, r, ok := strings.Cut(s, "/"); ok {
		w = want{Name: n, Release: r}
		if !versionRE.MatchString(r) || r[0] == '-' {
			return w, fmt.Errorf("%q: %q is no release", s, r)
		}
	} else {
		w.Name = s
	}
	if !nameRE.MatchString(w.Name) || strings.HasSuffix(w.Name, "-") {
		return w, fmt.Errorf("%q is no package name", w.Name)
	}
	return w, nil
}

// wants reads name and version; Validate has seen that they are right.
func (a Args) wants() ([]want, error) {
	var out []want
	seen := map[string]bool{}
	for _, n := range a.Name {
		w, err := parseWant(n)
		if err != nil {
			return nil, err
		}
		if a.Version != "" {
			w.Version = a.Version
		}
		if !seen[w.String()] {
			out = append(out, w)
		}
		seen[w.String()] = true
	}
	return out, nil
}

// answers are the debconf answers, complete.
func (a Args) answers() []debconf.Answer {
	var out []debconf.Answer
	for _, q := range a.Debconf {
		d := debconf.Answer{Owner: q.Owner, Question: q.Question, Type: q.Type, Value: q.Value, Secret: q.Secret}
		if d.Type == "" {
			d.Type = "string"
		}
		if d.Owner == "" && len(a.Name) > 0 {
			w, _ := parseWant(a.Name[0])
			d.Owner, _, _ = strings.Cut(w.Name, ":")
		}
		out = append(out, d.Normal())
	}
	return out
}

// Validate refuses what cannot work.
func (a Args) Validate() error {
	if _, err := a.wants(); err != nil {
		return err
	}
	update := a.UpdateCache != nil && *a.UpdateCache
	switch {
	case a.Name == nil && !update && !a.Autoremove: // an empty list, as of a variable, is nothing to do
		return errors.New("name is missing (or update_cache or autoremove, which do without)")
	case a.Version != "" && len(a.Name) != 1:
		return errors.New("version goes with exactly one name; write name=version for each")
	case a.Version != "" && !versionRE.MatchString(a.Version):
		return fmt.Errorf("%q is no version", a.Version)
	case a.Version != "" && strings.ContainsAny(a.Name[0], "=/"):
		return errors.New("the version is given twice, in name and in version")
	case a.State == "latest" && (a.Version != "" || strings.Contains(strings.Join(a.Name, " "), "=")):
		return errors.New("latest and a version contradict each other; take state: present")
	case a.State == "absent" && (a.Version != "" || strings.ContainsAny(strings.Join(a.Name, " "), "=/")):
		return errors.New("absent removes whatever version is there; leave the version out")
	case a.State == "absent" && a.Hold != nil:
		return errors.New("hold makes no sense for packages that are to be absent")
	case a.Purge && a.State != "absent":
		return errors.New("purge goes with state: absent")
	case strings.HasPrefix(a.DefaultRelease, "-"):
		return fmt.Errorf("%q is no release", a.DefaultRelease)
	}
	for _, q := range a.answers() {
		if err := q.Check(); err != nil {
			return err
		}
	}
	return nil
}

// Task is the kind of task.
func Task() *modules.Task {
	return modules.Module[Args, State]{
		Name: "package",
		Doc: "Installs, upgrades, pins, holds and removes Debian packages.\n\n" +
			"When nothing is to change, only dpkg's records are read (and for latest, apt's candidates). " +
			"Otherwise apt says first what else comes or goes, and the plan shows it. " +
			"A package that was left half configured is configured first. apt-get asks nothing, waits for other apts, " +
			"keeps configuration files that were changed on the host, and is not cut short when the connection ends.",
		Example: `- name: Synapse, its questions answered and its first start held back
  package:
    name: [matrix-synapse, python3-psycopg2]
    update_cache: true
    start: false
    debconf:
      - {question: matrix-synapse/server-name, value: example.com}
      - {question: matrix-synapse/report-stats, type: boolean, value: "false"}
- name: exactly this version, held
  package:
    name: redis-server=5:7.0.15-1~deb12u5
    hold: true
`,
		Check: check, Plan: plan,
	}.Task()
}
