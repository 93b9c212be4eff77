// Command build makes the agents that mxplay carries: one static program for
// each kind of processor, compressed, and a manifest of their hashes.
//
//	go run ./cmd/mxplay/agents/build DIR GOARCH...
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// limit is what an agent may weigh, compressed: it goes over slow lines.
const limit = 4_000_000

// compileFlags make an agent a tenth smaller: most of it runs once a call or
// less, so calls are inlined only where the time of a call goes (measured:
// 5 % more CPU time in a run of short calls).
func compileFlags() []string {
	flags := []string{"-gcflags=all=-l"}
	for _, hot := range []string{
		"runtime/...", "internal/...", "sync/...", "unicode/...", "reflect", "encoding/json", "crypto/internal/fips140/...",
	} {
		flags = append(flags, "-gcflags="+hot+"=")
	}
	return flags
}

// agent is an entry of the manifest; cmd/mxplay reads the same.
type agent struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"` // of the program, not compressed
	Size   int64  `json:"size"`
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: build DIR GOARCH...")
		os.Exit(2)
	}
	if err := build(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func build(dir string, arches []string) error {
	tmp, err := os.MkdirTemp("", "mxplay-agent-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	plain, err := overlay(tmp)
	if err != nil {
		return err
	}
	manifest := map[string]agent{}
	for _, arch := range arches {
		bin := filepath.Join(tmp, arch)
		args := append([]string{"build", "-trimpath", "-buildvcs=false", "-overlay", plain, "-tags", "nethttpomithttp2", "-ldflags", "-s -w", "-o", bin}, compileFlags()...)
		cmd := exec.Command("go", append(args, "./cmd/mxplay-agent")...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOARM=7", "GOFLAGS=")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("agent for %s: %w", arch, err)
		}
		data, err := os.ReadFile(bin)
		if err != nil {
			return err
		}
		gz, err := compress(bin, data)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		name := fileName(arch)
		if err := os.WriteFile(filepath.Join(dir, name), gz, 0o644); err != nil {
			return err
		}
		manifest[arch] = agent{File: name, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data))}
		fmt.Printf("%s: %d bytes, %d compressed\n", name, len(data), len(gz))
		if len(gz) > limit {
			return fmt.Errorf("%s has more than %d bytes: go list -deps ./cmd/mxplay-agent shows what it links", name, limit)
		}
	}
	out, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "manifest.json"), append(out, '\n'), 0o644)
}

func fileName(arch string) string {
	if arch == "arm" {
		arch = "armv7"
	}
	return "mxplay-agent-linux-" + arch + ".gz"
}

// compress makes a gzip without name and time. gzip itself comes out some
// hundredths smaller than the standard library.
func compress(path string, data []byte) ([]byte, error) {
	if tool, err := exec.LookPath("gzip"); err == nil {
		return exec.Command(tool, "-9", "-n", "-c", path).Output()
	}
	var gz bytes.Buffer
	w, err := gzip.NewWriterLevel(&gz, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	err = w.Close()
	return gz.Bytes(), err
}
