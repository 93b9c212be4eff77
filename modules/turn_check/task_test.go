package turncheck

import (
	"testing"

	"github.com/mxplay/mxplay/modules/modtest"
)

func TestTask(t *testing.T) { modtest.Run(t, Task()) }
