package prompts

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// The bounds of a skill's folder.
const (
	// MaxInstructions bounds SKILL.md, in bytes: it is read into each prompt, and is what one
	// call of a tool gives back.
	MaxInstructions = 48 << 10
	// MaxFile bounds a file that the model may read. Larger ones, and those that are no text,
	// are left to scripts, which nobody runs.
	MaxFile = 64 << 10
	// maxKept bounds what is kept of one skill for the model, in bytes, maxBytes all of its
	// files, maxFiles how many there are, their folders counted in, maxDepth how deep they lie.
	maxKept  = 4 << 20
	maxBytes = 64 << 20
	maxFiles = 1000
	maxDepth = 8
)

// The names of the format.
const (
	skillFile  = "SKILL.md"
	scripts    = "scripts"
	references = "references"
	assets     = "assets"
)

var (
	errTooMany  = fmt.Errorf("it has more than %d files and folders", maxFiles)
	errTooLarge = fmt.Errorf("its files have more than %d MiB", maxBytes>>20)
	errTooDeep  = fmt.Errorf("it has folders more than %d deep", maxDepth)
	errLongText = fmt.Errorf("%s has more than %d KiB", skillFile, MaxInstructions>>10)
	errOpenFile = errors.New("everybody may change it")
	errNoFile   = errors.New("it is neither a file nor a folder")
	errBadName  = errors.New("its name has a line's end, a backslash, or is no UTF-8")
)

// found is a file of a skill's folder, by the name under which it is named there.
type found struct {
	name string
	info fs.FileInfo
}

// walk lists the files of a folder in the order of their names. Those whose names begin with
// a dot are none of it. Links are followed as long as they stay inside.
func walk(root *os.Root) ([]found, []error) {
	var all []found
	var problems []error
	looked := 0 // links to folders may make many of few
	var into func(dir string, depth int)
	into = func(dir string, depth int) {
		entries, err := fs.ReadDir(root.FS(), dir)
		if err != nil {
			problems = append(problems, err)
			return
		}
		for _, e := range entries {
			name := path.Join(dir, e.Name())
			switch {
			case strings.HasPrefix(e.Name(), "."):
				continue
			case looked > maxFiles:
				return
			}
			looked++
			info, err := root.Stat(name)
			switch {
			case err != nil:
			case strings.ContainsAny(name, "\n\r\\") || !utf8.ValidString(name):
				err = errBadName
			case info.Mode().Perm()&0o002 != 0:
				err = fmt.Errorf("%w (mode %s)", errOpenFile, info.Mode().Perm())
			case info.IsDir() && depth >= maxDepth:
				err = errTooDeep
			case info.IsDir():
				into(name, depth+1)
				continue
			case !info.Mode().IsRegular():
				err = errNoFile
			default:
				all = append(all, found{name, info})
				continue
			}
			problems = append(problems, fmt.Errorf("%q: %w", name, err))
		}
	}
	into(".", 0)
	if looked > maxFiles {
		problems = append(problems, errTooMany)
	}
	slices.SortFunc(all, func(x, y found) int { return strings.Compare(x.name, y.name) })
	return all, problems
}

// content is what a folder holds.
type content struct {
	// sum is the SHA-256, in hex, of the list that sha256sum prints of all files.
	sum string
	// text is SKILL.md, files are those that the model may read.
	text    []byte
	files   map[string]string
	scripts bool
}

// read reads a folder whole. All that is wrong with its files is told.
func read(dir string) (content, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return content{}, err
	}
	defer func() { _ = root.Close() }() // only read
	all, problems := walk(root)
	if info, err := root.Stat("."); err == nil && info.Mode().Perm()&0o002 != 0 {
		problems = append(problems, fmt.Errorf("the folder: %w (mode %s)", errOpenFile, info.Mode().Perm()))
	}
	if len(problems) > 0 {
		return content{}, errors.Join(problems...)
	}
	c := content{files: map[string]string{}}
	list := sha256.New()
	left, keep := int64(maxBytes), int64(maxKept)
	for _, f := range all {
		sum, data, n, err := c.take(root, f, min(left, keep))
		if err != nil {
			return content{}, fmt.Errorf("%q: %w", f.name, err)
		}
		if left -= n; left < 0 {
			return content{}, errTooLarge
		}
		keep -= int64(len(data))
		_, _ = fmt.Fprintf(list, "%s  %s\n", sum, f.name)
	}
	c.sum = hex.EncodeToString(list.Sum(nil))
	return c, nil
}

// take reads one file and keeps of it what the model may see. It gives the file's checksum,
// what was kept, and its length.
func (c *content) take(root *os.Root, f found, keep int64) (sum string, kept []byte, n int64, err error) {
	file, err := root.Open(f.name)
	if err != nil {
		return "", nil, 0, err
	}
	defer func() { _ = file.Close() }() // only read
	first, _, _ := strings.Cut(f.name, "/")
	limit := int64(0)
	switch {
	case f.name == skillFile:
		limit = MaxInstructions
	case first == references || first == assets:
		limit = min(MaxFile, keep)
	}
	c.scripts = c.scripts || first == scripts
	hash := sha256.New()
	var text bytes.Buffer
	// One byte more than is kept tells that there is more; it need not be grown further.
	n, err = io.Copy(io.MultiWriter(hash, &head{&text, limit + 1}), io.LimitReader(file, maxBytes+1))
	if err != nil {
		return "", nil, n, err
	}
	data := text.Bytes()
	switch whole := n <= limit; {
	case f.name == skillFile && !whole:
		return "", nil, n, errLongText
	case f.name == skillFile:
		c.text = data
	case limit > 0 && whole && utf8.Valid(data) && !bytes.ContainsRune(data, 0):
		c.files[f.name] = string(data)
		kept = data
	}
	return hex.EncodeToString(hash.Sum(nil)), kept, n, nil
}

// head takes the first bytes and drops the rest.
type head struct {
	into *bytes.Buffer
	left int64
}

// Write implements io.Writer.
func (h *head) Write(p []byte) (int, error) {
	some := p[:min(int64(len(p)), h.left)]
	h.left -= int64(len(some))
	_, _ = h.into.Write(some) // a buffer does not fail
	return len(p), nil
}

// stampOf tells one state of a skill's folder from another without reading its files; ok is
// false for what is none.
func stampOf(dir string) (state string, ok bool) {
	if !Is(dir) {
		return "", false
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", false // it went meanwhile
	}
	defer func() { _ = root.Close() }() // only looked at
	all, problems := walk(root)
	hash := sha256.New()
	for _, f := range all {
		_, _ = fmt.Fprintf(hash, "%s %d %d\n", f.name, f.info.Size(), f.info.ModTime().UnixNano())
	}
	for _, p := range problems {
		_, _ = fmt.Fprintln(hash, p)
	}
	return hex.EncodeToString(hash.Sum(nil)), true
}

// Is tells whether a folder is that of a skill in this format.
func Is(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, skillFile))
	return err == nil && !info.IsDir()
}

// names lists files in order.
func names(files map[string]string) []string { return slices.Sorted(maps.Keys(files)) }

// Copy copies the files of a skill's folder, those that are of it, to a folder that is not
// there yet.
func Copy(from, to string) error {
	root, err := os.OpenRoot(from)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // only read
	all, problems := walk(root)
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	for _, f := range all {
		if err := copyFile(root, f, filepath.Join(to, filepath.FromSlash(f.name))); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(root *os.Root, f found, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return err
	}
	in, err := root.Open(f.name)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()                                                          // only read
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.info.Mode().Perm()&0o755) //nolint:gosec // below the folder that the caller names
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
