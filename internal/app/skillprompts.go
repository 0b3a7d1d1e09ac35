package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/parley-hub/parley/skills/plugin/protocol"
	"github.com/parley-hub/parley/skills/prompts"
)

// ErrNoProgram is returned where a program is asked for and a SKILL.md was named.
var ErrNoProgram = errors.New("this is a skill of instructions (SKILL.md): it has no program, and answers in a hub with a model only")

// installPrompt copies a folder with a SKILL.md into the skills' folder. Whoever looks twice
// sees the old one or the whole new one.
func installPrompt(out io.Writer, folder, path string) error {
	s, err := prompts.Read(path)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	part, err := os.MkdirTemp(folder, ".part-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(part) }() // what is left of it
	fresh, old := filepath.Join(part, "new"), filepath.Join(part, "old")
	if err := prompts.Copy(path, fresh); err != nil {
		return err
	}
	name := s.Manifest().Name
	to := filepath.Join(folder, name)
	if err := os.Rename(to, old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(fresh, to); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s %s is installed as %s\nsha256 %s\n", name, s.Manifest().Version, to, s.Sum())
	return err
}

// removePrompt takes a skill's folder out of the skills' folder.
func removePrompt(folder, name string) error {
	gone, err := os.MkdirTemp(folder, ".gone-")
	if err != nil {
		return err
	}
	return errors.Join(os.Rename(filepath.Join(folder, name), filepath.Join(gone, name)), os.RemoveAll(gone))
}

// promptInfo prints what a SKILL.md says, and what the model may read beside it.
func promptInfo(out io.Writer, path string) error {
	s, err := prompts.Read(path)
	if err != nil {
		return err
	}
	p := s.Prompt()
	more := map[string]any{"kind": "prompt", "sha256": s.Sum(), "instructions": len(p.Instructions), "offered": p.Offered}
	for key, text := range map[string]string{"model": p.Model, "license": p.License, "compatibility": p.Compatibility} {
		if text != "" {
			more[key] = text
		}
	}
	if files := s.Files(); len(files) > 0 {
		more["files"] = files
	}
	if s.Scripts() {
		more["scripts"] = "never run"
	}
	data, err := protocol.EncodeManifest(s.Manifest())
	if err != nil {
		return err
	}
	return writeInfo(out, data, more)
}

// writeInfo prints a manifest with what else there is to say.
func writeInfo(out io.Writer, manifest []byte, more map[string]any) error {
	var spread map[string]any
	if err := json.Unmarshal(manifest, &spread); err != nil {
		return err
	}
	for key, value := range more {
		spread[key] = value
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(spread)
}

// listLine prints a skill of the folder, or why it is none.
func listLine(out io.Writer, name string, s outside, problem error) error {
	var err error
	switch kind := ""; {
	case problem != nil:
		_, err = fmt.Fprintf(out, "%s\t%v\n", name, problem)
	default:
		if s.prompt != nil {
			kind = "\tprompt"
		}
		commands := ""
		for _, c := range s.manifest.Commands {
			commands += " /" + c.Name
		}
		_, err = fmt.Fprintf(out, "%s\t%s\t%s\t%s%s\n", s.manifest.Name, s.manifest.Version, commands[min(1, len(commands)):], s.sum, kind)
	}
	return err
}
