package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mxplay/mxplay/runner/playbook"
	"github.com/mxplay/mxplay/runner/source"
)

func newSchema(p *program) *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "schema [" + strings.Join(playbook.SchemaKinds(), " | ") + "]",
		Short: "write JSON schemas, by which an editor checks and completes",
		Long: `Writes the JSON schema (draft-07) of a kind of file: of a playbook unless another
is named. An editor with the YAML language server then completes modules, arguments
and keywords, shows what they are for, and underlines what cannot be. mxplay run
--syntax-check finds more: names, expressions, files.

With -o all schemas are written into a folder, and the settings for VS Code shown.`,
		Example: `  mxplay schema > playbook.json
  mxplay schema -o .vscode/mxplay
  # in a file: # yaml-language-server: $schema=.vscode/mxplay/playbook.json`,
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: playbook.SchemaKinds(),
		RunE: func(_ *cobra.Command, args []string) error {
			if dir != "" {
				return badInput(p.schemas(dir, args))
			}
			kind := append(args, "playbook")[0]
			out, err := playbook.Schema(kind, p.tasks)
			if err != nil {
				if near := source.DidYouMean(kind, playbook.SchemaKinds()); near != "" {
					err = source.Errorf(source.Pos{}, "there is no schema of %s", kind).WithHint("did you mean %s?", near)
				}
				return badInput(err)
			}
			_, err = p.out.Write(out)
			return err
		},
	}
	c.Flags().StringVarP(&dir, "output", "o", "", "write all schemas into the `FOLDER`, and show VS Code's settings for them")
	return c
}

// schemaGlobs are the files that a kind of schema is for, as editors name them.
func schemaGlobs(kind string) []string {
	switch kind {
	case "playbook":
		return []string{"site.yml", "playbooks/*.yml", "*playbook*.yml"}
	case "tasks", "handlers":
		return []string{"**/roles/*/" + kind + "/**/*.yml"}
	case "vars":
		return []string{"**/roles/*/defaults/**/*.yml", "**/roles/*/vars/**/*.yml", "**/group_vars/**", "**/host_vars/**"}
	case "inventory":
		return []string{"inventory.yml", "inventory/*.yml"}
	}
	return []string{"**/roles/*/meta/" + strings.Replace(kind, "meta", "main", 1) + ".yml"}
}

// schemas writes all schemas into a folder.
func (p *program) schemas(dir string, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("-o writes all schemas: leave %s out", args[0])
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return source.OSError(dir, err)
	}
	fmt.Fprintf(p.out, "// for .vscode/settings.json; the file patterns are a beginning\n\"yaml.customTags\": [\"!vault scalar\", \"!unsafe scalar\", \"!unsafe mapping\", \"!unsafe sequence\"],\n\"yaml.schemas\": {\n")
	kinds := playbook.SchemaKinds()
	for i, kind := range kinds {
		out, err := playbook.Schema(kind, p.tasks)
		if err != nil {
			return err
		}
		path := filepath.Join(dir, kind+".json")
		if err := os.WriteFile(path, out, 0o644); err != nil {
			return source.OSError(path, err)
		}
		comma := ","
		if i == len(kinds)-1 {
			comma = ""
		}
		fmt.Fprintf(p.out, "  %q: [\"%s\"]%s\n", "./"+filepath.ToSlash(path), strings.Join(schemaGlobs(kind), `", "`), comma)
	}
	fmt.Fprintln(p.out, "}")
	return nil
}
