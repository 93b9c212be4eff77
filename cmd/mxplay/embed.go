package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"

	"github.com/mxplay/mxplay/runner/remote"
)

// agentFiles is what make build put into agents/; a plain go build finds the README only.
//
//go:embed agents/*.*
var agentFiles embed.FS

// agents finds the agent for a kind of processor among the files.
func agents(files fs.FS) func(goarch string) (remote.Agent, error) {
	return func(goarch string) (remote.Agent, error) {
		raw, err := fs.ReadFile(files, "agents/manifest.json")
		if err != nil {
			return remote.Agent{}, remote.ErrNoAgent
		}
		var manifest map[string]struct {
			File   string `json:"file"`
			SHA256 string `json:"sha256"`
			Size   int64  `json:"size"`
		}
		if err := json.Unmarshal(raw, &manifest); err != nil {
			return remote.Agent{}, fmt.Errorf("agents/manifest.json: %w", err)
		}
		a, ok := manifest[goarch]
		if !ok {
			return remote.Agent{}, remote.ErrNoAgent
		}
		name := "agents/" + a.File
		gz, err := fs.Stat(files, name)
		if err != nil {
			return remote.Agent{}, remote.ErrNoAgent
		}
		open := func() (io.ReadCloser, error) { return files.Open(name) }
		return remote.Agent{SHA256: a.SHA256, Size: a.Size, Packed: gz.Size(), Open: open}, nil
	}
}
