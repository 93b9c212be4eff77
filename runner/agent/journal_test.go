package agent

import (
	"strings"
	"testing"

	"github.com/mxplay/mxplay/modules"
)

func TestJournalOf(t *testing.T) {
	for _, c := range []struct {
		unit modules.Unit
		want string
	}{
		{modules.Unit{Name: "a.service"}, "-u a.service --since=-60s"},
		{modules.Unit{Name: "a.service", InvocationID: "00000000000000000000000000000000", InactiveExit: 1}, "-u a.service --since=-60s"},
		{modules.Unit{Name: "a.service", InvocationID: "ab12"}, "_SYSTEMD_INVOCATION_ID=ab12 + INVOCATION_ID=ab12"},
		{
			modules.Unit{Name: "a.service", InvocationID: "ab12", InactiveExit: 1795482898009359},
			"_SYSTEMD_INVOCATION_ID=ab12 + INVOCATION_ID=ab12 + _SYSTEMD_UNIT=a.service --since=@1795482898.009359",
		},
	} {
		if got := strings.Join(journalOf(c.unit), " "); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
