package jail

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// mounts makes a file system that holds what the program may see, at the paths where the
// hub sees it, and nothing else.
func (l *launcher) mounts(tree []opened) error {
	if !l.Alone {
		return errors.New("no mount namespace of its own")
	}
	unix.Umask(0o022)
	// Nothing that is mounted here shows outside.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	// The new root comes to lie over the program's folder: what it shows is taken before.
	trees := make([]int, len(tree))
	for i, o := range tree {
		var err error
		trees[i], err = unix.OpenTree(int(o.file.Fd()), "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
		if err != nil {
			return fmt.Errorf("take %s: %w", o.path, err)
		}
	}
	const small = "mode=0755,size=64k,nr_inodes=256"
	if err := unix.Mount("jail", l.Dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, small); err != nil {
		return fmt.Errorf("mount a root: %w", err)
	}
	for i, o := range tree {
		if err := show(l.Dir, o, trees[i]); err != nil {
			return fmt.Errorf("show %s: %w", o.path, err)
		}
	}
	if err := os.Chdir(l.Dir); err != nil {
		return err
	}
	// The old root comes to lie over the new one, and is taken away.
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the old root: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("make the root read-only: %w", err)
	}
	return os.Chdir("/")
}

// show puts an opened file or folder at its own path below root.
func show(root string, o opened, tree int) error {
	at := filepath.Join(root, o.path)
	info, err := o.file.Stat()
	if err != nil {
		return err
	}
	folder := at
	if !info.IsDir() {
		folder = filepath.Dir(at)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // in an empty root that is read-only later
		return err
	}
	if !info.IsDir() {
		if err := os.WriteFile(at, nil, 0o600); err != nil {
			return err
		}
	}
	if err := unix.MoveMount(tree, "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("move_mount: %w", err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(at, &fs); err != nil {
		return err
	}
	// What the mount denied before must stay denied, or the kernel refuses.
	const keep = unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME
	flags := uintptr(fs.Flags)&keep | unix.MS_NOSUID | unix.MS_NODEV
	if o.writable {
		flags |= unix.MS_NOEXEC
	} else {
		flags |= unix.MS_RDONLY
	}
	if err := unix.Mount("", at, "", unix.MS_REMOUNT|unix.MS_BIND|flags, ""); err != nil {
		return fmt.Errorf("remount: %w", err)
	}
	return nil
}
