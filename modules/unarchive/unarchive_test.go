package unarchive

import (
	"testing"

	"github.com/mxplay/mxplay/modules/modtest"
)

func Test(t *testing.T) { modtest.Run(t, Task()) }
