package pause

import (
	"encoding/json"
	"testing"

	"github.com/mxplay/mxplay/modules/modtest"
)

func Test(t *testing.T) { modtest.Run(t, Task()) }

func TestTime(t *testing.T) {
	for args, want := range map[string]float64{`{"seconds":3}`: 3, `{"minutes":0.5}`: 30, `{"prompt":"x"}`: 0, `{"seconds":1,"minutes":1}`: -1, `{"seconds":-1}`: -1} {
		b, err := Task().Do(json.RawMessage(args))
		var r Result
		_ = json.Unmarshal(b, &r)
		if err != nil && want >= 0 || err == nil && r.Seconds != want {
			t.Errorf("%s: %s %v", args, b, err)
		}
	}
}
