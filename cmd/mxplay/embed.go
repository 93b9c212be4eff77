package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/mxplay/mxplay/runner/remote"
)

// agentFiles is what make build put into agents/; a plain go build finds the README only.
//
//go:embed agents/*.*
var agentFiles embed.FS

// agents finds the agent for a kind of processor among the files.
func agents(files fs.FS) func(goarch string) ([]byte, string, int64, error) {
	return func(goarch string) ([]byte, string, int64, error) {
		raw, err := fs.ReadFile(files, "agents/manifest.json")
		if err != nil {
			return nil, "", 0, remote.ErrNoAgent
		}
		var manifest map[string]struct {
			File   string `json:"file"`
			SHA256 string `json:"sha256"`
			Size   int64  `json:"size"`
		}
		if err := json.Unmarshal(raw, &manifest); err != nil {
			return nil, "", 0, fmt.Errorf("agents/manifest.json: %w", err)
		}
		a, ok := manifest[goarch]
		if !ok {
			return nil, "", 0, remote.ErrNoAgent
		}
		gz, err := fs.ReadFile(files, "agents/"+a.File)
		if err != nil {
			return nil, "", 0, remote.ErrNoAgent
		}
		return gz, a.SHA256, a.Size, nil
	}
}
