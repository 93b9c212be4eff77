package place

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Lines are the lines of a text without their ends.
func Lines(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

// Unlines is the text of lines, each with its end.
func Unlines(lines []string) []byte {
	if len(lines) == 0 {
		return []byte{}
	}
	return []byte(strings.Join(lines, "\n") + "\n")
}

// Bare is a line without the carriage return of other systems.
func Bare(line string) string { return strings.TrimRight(line, "\r") }

// Insert are the arguments that say where new lines go.
type Insert struct {
	After  string `json:"insertafter" doc:"regular expression: new lines go after the last line that it finds; EOF (the default) or BOF"`
	Before string `json:"insertbefore" doc:"regular expression: new lines go before the last line that it finds; BOF or EOF"`
}

// Check refuses expressions that cannot be read.
func (i Insert) Check() error {
	if i.After != "" && i.Before != "" {
		return errors.New("insertafter and insertbefore cannot both be given")
	}
	for arg, x := range map[string]string{"insertafter": i.After, "insertbefore": i.Before} {
		if err := Regexp(arg, x); err != nil {
			return err
		}
	}
	return nil
}

// Regexp refuses an expression that cannot be read.
func Regexp(arg, expr string) error {
	if _, err := regexp.Compile(expr); err != nil {
		if strings.Contains(expr, "(?=") || strings.Contains(expr, "(?!") || strings.Contains(expr, "(?<") {
			return fmt.Errorf("%s: %s: regular expressions are RE2, which has no lookaround", arg, expr)
		}
		return fmt.Errorf("%s: %w", arg, err)
	}
	return nil
}

// At is where new lines go: the index that the first of them gets.
func (i Insert) At(lines []string, first bool) int {
	expr, after := i.After, 1
	if i.Before != "" {
		expr, after = i.Before, 0
	}
	switch expr {
	case "BOF":
		return 0
	case "", "EOF":
		return len(lines)
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return len(lines)
	}
	at := len(lines)
	for n, l := range lines {
		if re.MatchString(Bare(l)) {
			at = n + after
			if first {
				break
			}
		}
	}
	return at
}
