package timezone

import (
	"os"
	"strings"
	"testing"

	"github.com/mxplay/mxplay/modules/modtest"
)

func Test(t *testing.T) { modtest.Run(t, Task()) }

// TestGuide: CONTRIBUTING.md shows this module as it is.
func TestGuide(t *testing.T) {
	guide, err := os.ReadFile("../../../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"timezone.go", "testdata/other.txtar"} {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(guide), "\n"+string(file)+"```") {
			t.Errorf("CONTRIBUTING.md does not show %s as it is", name)
		}
	}
}
