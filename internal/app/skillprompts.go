package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/parley-hub/parley/configs"
	"github.com/parley-hub/parley/skills/plugin"
	"github.com/parley-hub/parley/skills/plugin/protocol"
	"github.com/parley-hub/parley/skills/prompts"
)

// ErrNoProgram is returned where a program is asked for and a SKILL.md was named.
var ErrNoProgram = errors.New("this is a skill of instructions (SKILL.md): it has no program, and answers in a hub with a model only")

// installPrompt copies a folder with a SKILL.md into the skills' folder. Whoever looks twice
// sees the old one or the whole new one.
func installPrompt(out io.Writer, cfg *configs.Config, path string) error {
	folder := cfg.Skills.Folder
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
	if _, err := fmt.Fprintf(out, "%s is installed as %s\nsha256 %s\n", titled(s.Manifest()), to, s.Sum()); err != nil {
		return err
	}
	return tellAllowed(out, cfg, name, s.Sum(), to)
}

// removePrompt takes a skill's folder away in one step.
func removePrompt(path string) error {
	gone, err := os.MkdirTemp(filepath.Dir(path), ".gone-")
	if err != nil {
		return err
	}
	return errors.Join(os.Rename(path, filepath.Join(gone, filepath.Base(path))), os.RemoveAll(gone))
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

// listPrompt prints a line of a skill of instructions, or why a hub would not take it.
func listPrompt(out io.Writer, cfg *configs.Config, path string) error {
	s, err := prompts.Read(path)
	if err == nil {
		err = allowed(cfg).Check(s.Sum(), path+plugin.Signature)
	}
	if err != nil {
		_, err = fmt.Fprintf(out, "%s\t%v\n", filepath.Base(path), err)
		return err
	}
	m := s.Manifest()
	_, err = fmt.Fprintf(out, "%s\t%s\t/%s\t%s\tprompt\n", m.Name, m.Version, m.Commands[0].Name, s.Sum())
	return err
}
