package history

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A Key makes fingerprints. A session has the same fingerprint in two snapshots if they have the same key.
type Key struct{ secret []byte }

const (
	keySize         = 32 // in bytes: as many as HMAC-SHA-256 uses
	fingerprintSize = 16
)

// ReadKey reads the key from a file. If the file does not exist, it creates one with a new key, which only its owner
// can read.
func ReadKey(path string) (Key, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeKey(path); err != nil {
			return Key{}, fmt.Errorf("create a key for fingerprints: %w", err)
		}
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return Key{}, fmt.Errorf("read the key for fingerprints: %w", err)
	}
	closeToOthers(path)
	secret, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(secret) != keySize {
		return Key{}, fmt.Errorf("read the key for fingerprints: %s does not contain %d bytes in hexadecimal", path, keySize)
	}
	return Key{secret}, nil
}

// closeToOthers removes the permissions of a file that everybody may read, because that was hardly intended. It leaves
// a file that a group may read as it is.
func closeToOthers(path string) {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o007 != 0 { //nolint:gosec // where the user wants it
		_ = os.Chmod(path, 0o600) //nolint:gosec // as above; it fails for who does not own it, or if a volume is only read
	}
}

// makeKey does not replace a key that another process has created in the meantime.
func makeKey(path string) error {
	secret := make([]byte, keySize)
	_, _ = rand.Read(secret) // never fails
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".key-*") // readable only by its owner
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	_, err = fmt.Fprintf(file, "%x\n", secret)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Fingerprint returns what a history stores instead of the handle.
func (k Key) Fingerprint(handle string) string {
	mac := hmac.New(sha256.New, k.secret)
	mac.Write([]byte(handle))
	return hex.EncodeToString(mac.Sum(nil)[:fingerprintSize])
}

// Name returns a name that distinguishes keys and reveals nothing about them.
func (k Key) Name() string { return k.Fingerprint("the name of the key")[:8] }
