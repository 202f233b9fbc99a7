package openamtest

import (
	"errors"
	"os"
	"os/exec"
	"time"
)

// Admin and Connect work everywhere; starting a server needs process groups, which Windows does not have.

func inOwnGroup(*exec.Cmd) {}

func interruptGroup(int) error { return errors.ErrUnsupported }

func killGroup(int) error { return errors.ErrUnsupported }

func freezeGroup(int) error { return errors.ErrUnsupported }

func thawGroup(int) error { return errors.ErrUnsupported }

func hold(*os.File) error { return errors.ErrUnsupported }

func held(string) bool { return false }

func released(string, int, time.Duration) bool { return true }
