package agent

import (
	"strings"
	"testing"
	"time"

	"github.com/mxplay/mxplay/modules"
)

func TestJournalOf(t *testing.T) {
	since := time.UnixMicro(1795482898009359)
	for _, c := range []struct {
		unit modules.Unit
		want string
	}{
		{modules.Unit{Name: "a.service"}, "-u a.service --since=-60s"},
		{modules.Unit{Name: "a.service", InvocationID: "00000000000000000000000000000000"}, "-u a.service --since=-60s"},
		{
			modules.Unit{Name: "a.service", InvocationID: "ab12"},
			"--since=@1795482898.009359 _SYSTEMD_INVOCATION_ID=ab12 + INVOCATION_ID=ab12 + _SYSTEMD_UNIT=a.service",
		},
	} {
		if got := strings.Join(journalOf(c.unit, since), " "); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
