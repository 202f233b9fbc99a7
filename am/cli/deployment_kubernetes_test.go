//go:build unix

package cli

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/robfig/cron/v3"
	"go.yaml.in/yaml/v3"

	"github.com/amsql/steampipe-plugin-am/am/simulator"
)

// A manifest contains the parts of a CronJob that the tests need.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Spec     struct {
		Schedule, ConcurrencyPolicy string
		JobTemplate                 struct {
			Spec struct {
				CompletionMode           string
				Completions, Parallelism int
				Template                 struct{ Spec podSpec }
			}
		}
	}
}

type podSpec struct {
	RestartPolicy   string
	SecurityContext struct{ RunAsNonRoot bool }
	Containers      []struct {
		Args            []string
		Env             []struct{ Name, Value string }
		SecurityContext struct{ ReadOnlyRootFilesystem bool }
		VolumeMounts    []struct {
			Name, MountPath string
			ReadOnly        bool
		}
	}
	Volumes []struct {
		Name                  string
		Secret                *struct{ SecretName string }
		PersistentVolumeClaim *struct{ ClaimName string }
	}
}

// fromYAML parses YAML as Kubernetes does, by converting it to JSON.
func fromYAML(t *testing.T, text string, to any) {
	t.Helper()
	var value any
	err := yaml.Unmarshal([]byte(text), &value)
	if err == nil {
		text, _ := json.Marshal(value) // any YAML value can be written as JSON
		err = json.Unmarshal(text, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// cronJobs returns the CronJobs of a file.
func cronJobs(t *testing.T, file string) (jobs []manifest, documents []string) {
	t.Helper()
	for document := range strings.SplitSeq(readText(t, deployment+file), "---\n") {
		var job manifest
		fromYAML(t, document, &job)
		if job.Kind == "CronJob" {
			jobs, documents = append(jobs, job), append(documents, document)
		}
	}
	return jobs, documents
}

func TestTheCronJobsRun(t *testing.T) {
	s := newSite(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12, Seed: 1})
	jobs, _ := cronJobs(t, "kubernetes.yaml")
	for _, job := range jobs {
		s.run(t, job, "$(JOB)", job.Metadata.Name+"-29401217")
	}
	s.check(t)
}

func TestTheShardsOfAnIndexedJobAreAll(t *testing.T) {
	s := newSite(t, simulator.Options{Realms: 2, Users: 6, Sessions: 12, Seed: 1})
	jobs, _ := cronJobs(t, "kubernetes-shards.yaml")
	if len(jobs) != 1 || jobs[0].Spec.JobTemplate.Spec.CompletionMode != "Indexed" || jobs[0].Spec.JobTemplate.Spec.Parallelism != jobs[0].Spec.JobTemplate.Spec.Completions {
		t.Fatalf("jobs %+v, want one that is indexed, all of it at once", jobs)
	}
	for i := range jobs[0].Spec.JobTemplate.Spec.Completions {
		s.run(t, jobs[0], "$(SHARD)", strconv.Itoa(i))
	}
	var shards []string
	folders, _ := filepath.Glob(filepath.Join(s.state, "history", "*", "*", "snapshot=*")) // the pattern is valid
	for _, folder := range folders {
		_, shard, _ := strings.Cut(filepath.Base(folder), "Z-")
		shards = append(shards, shard)
	}
	slices.Sort(shards)
	if want := []string{"0of3", "1of3", "2of3"}; !slices.Equal(shards, want) {
		t.Errorf("shards %q, want %q", shards, want)
	}
}

// run does what a pod of the job does if the variable has this value.
func (s *site) run(t *testing.T, job manifest, variable, value string) {
	t.Helper()
	pod := job.Spec.JobTemplate.Spec.Template.Spec
	c := pod.Containers[0]
	if _, err := cron.ParseStandard(job.Spec.Schedule); err != nil {
		t.Errorf("%s: %v", job.Metadata.Name, err)
	}
	if job.Spec.ConcurrencyPolicy != "Forbid" || pod.RestartPolicy != "Never" || !pod.SecurityContext.RunAsNonRoot || !c.SecurityContext.ReadOnlyRootFilesystem {
		t.Errorf("%s overlaps itself, or has more rights than it needs: %+v", job.Metadata.Name, job)
	}
	mounts := map[string]string{}
	for _, mount := range c.VolumeMounts {
		mounts[mount.Name] = mount.MountPath
	}
	if pod.Volumes[0].Secret == nil || mounts[pod.Volumes[0].Name] != "/run/secrets/am" ||
		pod.Volumes[1].PersistentVolumeClaim == nil || mounts[pod.Volumes[1].Name] != "/var/lib/amsql" {
		t.Errorf("%s has the volumes %+v at %v", job.Metadata.Name, pod.Volumes, mounts)
	}
	var environment, args []string
	for _, variable := range c.Env {
		environment = append(environment, variable.Name+"="+variable.Value)
	}
	for _, arg := range c.Args {
		args = append(args, strings.ReplaceAll(arg, variable, value))
	}
	if out, err := s.command(t, environment, "amsql", args...).CombinedOutput(); err != nil {
		t.Errorf("%s: %v: %s", job.Metadata.Name, err, out)
	}
}

// kubectl omits what is not in the schema of a CronJob from its output.
func TestTheCronJobsAreAsKubernetesWantsThem(t *testing.T) {
	needs(t, "kubectl")
	_, documents := cronJobs(t, "kubernetes.yaml")
	_, shards := cronJobs(t, "kubernetes-shards.yaml")
	for _, document := range slices.Concat(documents, shards) {
		var want, got any
		fromYAML(t, document, &want)
		cmd := exec.CommandContext(t.Context(), "kubectl", "set", "image", "--local", "-f", "-", "-o", "json", "amsql=registry.example.com/amsql:other")
		cmd.Stdin = strings.NewReader(document)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("kubectl: %v", err)
		}
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		if unknown := missing(want, got, ""); len(unknown) > 0 {
			t.Errorf("Kubernetes knows no %q", unknown)
		}
	}
}

// missing returns the paths in want that are not in got.
func missing(want, got any, path string) (paths []string) {
	switch want := want.(type) {
	case map[string]any:
		got, _ := got.(map[string]any)
		for name, value := range want {
			if _, ok := got[name]; !ok {
				paths = append(paths, path+"."+name)
				continue
			}
			paths = append(paths, missing(value, got[name], path+"."+name)...)
		}
	case []any:
		got, _ := got.([]any)
		for i, value := range want {
			if i >= len(got) {
				return append(paths, path)
			}
			paths = append(paths, missing(value, got[i], path)...)
		}
	}
	return paths
}
