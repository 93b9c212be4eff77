package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// row is one line of the result.
type row struct {
	name    string
	seconds float64 // median
	// ratio is the median over the rounds of its time by the script's time in
	// the same round: what disturbs a round disturbs both.
	ratio  float64
	mxplay float64 // the same by mxplay's time
}

func table(all []*contestant) []row {
	rows := make([]row, len(all))
	var script, mx []time.Duration
	for _, c := range all {
		switch c.name {
		case nameScript:
			script = c.took
		case nameMxplay:
			mx = c.took
		}
	}
	for i, c := range all {
		rows[i] = row{name: c.name, seconds: median(seconds(c.took)), ratio: median(ratios(c.took, script)), mxplay: median(ratios(c.took, mx))}
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		switch {
		case a.ratio < b.ratio:
			return -1
		case a.ratio > b.ratio:
			return 1
		}
		return 0
	})
	return rows
}

func seconds(took []time.Duration) []float64 {
	var out []float64
	for _, d := range took {
		out = append(out, d.Seconds())
	}
	return out
}

func ratios(took, by []time.Duration) []float64 {
	var out []float64
	for i := range took {
		out = append(out, took[i].Seconds()/by[i].Seconds())
	}
	return out
}

func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	return (list[(len(list)-1)/2] + list[len(list)/2]) / 2
}

func asText(rows []row) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-22s %9s %12s %12s\n", "a run without changes", "seconds", "by script", "by mxplay")
	for _, r := range rows {
		fmt.Fprintf(&b, "%-22s %9.3f %12.2f %12.2f\n", r.name, r.seconds, r.ratio, r.mxplay)
	}
	return b.String()
}

// asMarkdown has ratios only: times alone say more of a machine than of a program.
func asMarkdown(rows []row) string {
	var b strings.Builder
	b.WriteString("| a run without changes | times the script | times mxplay |\n|---|---:|---:|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %.2f | %.2f |\n", r.name, r.ratio, r.mxplay)
	}
	return b.String()
}

const (
	tableBegin = "<!-- table -->\n"
	tableEnd   = "<!-- end of table -->\n"
)

// update replaces the table in a README.
func update(path string, rows []row) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(text), tableBegin)
	_, tail, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		return fmt.Errorf("%s: no place for the table", path)
	}
	return os.WriteFile(path, []byte(head+tableBegin+asMarkdown(rows)+tableEnd+tail), 0o644)
}

// The limits that the design promises.
const (
	mostOfScript   = 1.2
	leastOfAnsible = 30
)

// held says which promise the result breaks.
func held(rows []row) error {
	for _, r := range rows {
		switch {
		case r.name == nameMxplay && r.ratio > mostOfScript:
			return fmt.Errorf("mxplay takes %.2f times the script, more than %.1f", r.ratio, mostOfScript)
		case r.name == nameAnsible && r.mxplay < leastOfAnsible:
			return fmt.Errorf("mxplay is faster than Ansible by %.1f, which is less than %d", r.mxplay, leastOfAnsible)
		}
	}
	return nil
}
