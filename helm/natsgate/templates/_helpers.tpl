{{/* Room for the longest suffix ("-dashboard") is kept before anything is cut. */}}
{{- define "natsgate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "natsgate.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := printf "%s-%s" .Release.Name $name -}}
{{- if contains $name .Release.Name -}}{{- $full = .Release.Name -}}{{- end -}}
{{- default $full .Values.fullnameOverride | trunc 53 | trimSuffix "-" -}}
{{- end -}}

{{- define "natsgate.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{- define "natsgate.selectorLabels" -}}
app.kubernetes.io/name: {{ include "natsgate.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: "gateway"
{{- end -}}

{{/* Labels of one object: root, labels (own ones) and component. Own ones never replace those that selectors use. */}}
{{- define "natsgate.labels" -}}
{{- $root := .root -}}
{{- $standard := dict
  "app.kubernetes.io/name" (include "natsgate.name" $root)
  "app.kubernetes.io/instance" $root.Release.Name
  "app.kubernetes.io/component" (default "gateway" .component)
  "app.kubernetes.io/version" ($root.Chart.AppVersion | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/part-of" "natsgate"
  "app.kubernetes.io/managed-by" $root.Release.Service
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- include "natsgate.texts" (merge $standard .labels $root.Values.commonLabels) -}}
{{- end -}}

{{/* Labels of the pods: without the chart's version, or an update of the chart alone would disconnect everybody. */}}
{{- define "natsgate.podLabels" -}}
{{- $standard := merge (include "natsgate.selectorLabels" . | fromYaml) (dict "app.kubernetes.io/part-of" "natsgate") -}}
{{- include "natsgate.texts" (merge $standard .Values.podLabels .Values.commonLabels) -}}
{{- end -}}

{{/* metadata of one object: root, suffix or name, namespace, labels, annotations, component. */}}
{{- define "natsgate.metadata" -}}
name: {{ default (printf "%s%s" (include "natsgate.fullname" .root) (default "" .suffix)) .name | quote }}
namespace: {{ default (include "natsgate.namespace" .root) .namespace | quote }}
labels:
  {{- include "natsgate.labels" (dict "root" .root "labels" (default dict .labels) "component" .component) | nindent 2 }}
{{- with merge (dict) (default dict .annotations) .root.Values.commonAnnotations }}
annotations:
  {{- include "natsgate.texts" . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A map of texts. Every value is quoted: n, on and 1e3 are no texts to YAML. */}}
{{- define "natsgate.texts" -}}
{{- $lines := list -}}
{{- range $key, $value := . -}}
{{- $lines = append $lines (printf "%s: %s" $key ($value | toString | quote)) -}}
{{- end -}}
{{- join "\n" $lines -}}
{{- end -}}

{{- define "natsgate.image" -}}
{{- $image := .Values.image -}}
{{- $name := $image.repository -}}
{{- with default $image.registry .Values.global.imageRegistry -}}{{- $name = printf "%s/%s" . $name -}}{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default .Chart.AppVersion $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "natsgate.serviceAccountName" -}}
{{- $own := ternary (include "natsgate.fullname" .) "default" .Values.serviceAccount.create -}}
{{- default $own .Values.serviceAccount.name -}}
{{- end -}}

{{- define "natsgate.tlsSecret" -}}
{{- default (printf "%s-tls" (include "natsgate.fullname" .)) .Values.tls.existingSecret -}}
{{- end -}}

{{/* Who decides how many pods there are. */}}
{{- define "natsgate.leastPods" -}}
{{- if .Values.autoscaling.enabled -}}{{ .Values.autoscaling.minReplicas }}
{{- else if .Values.keda.enabled -}}{{ .Values.keda.minReplicaCount }}
{{- else -}}{{ .Values.replicaCount }}
{{- end -}}
{{- end -}}

{{/* Seconds that the kubelet sleeps before SIGTERM. */}}
{{- define "natsgate.sleepSeconds" -}}
{{- if .Values.diagnosticMode.enabled -}}0
{{- else if .Values.lifecycle -}}{{- dig "preStop" "sleep" "seconds" 0 .Values.lifecycle | int -}}
{{- else -}}{{- int .Values.preStopSleepSeconds -}}
{{- end -}}
{{- end -}}

{{/* Seconds from the end of a pod's life that are promised to its clients: sleep, then delay, then timeout. */}}
{{- define "natsgate.drainSeconds" -}}
{{- add (include "natsgate.sleepSeconds" . | int) (include "natsgate.seconds" (list . "drain.delay") | int) (include "natsgate.seconds" (list . "drain.timeout") | int) -}}
{{- end -}}

{{- define "natsgate.gracePeriod" -}}
{{- $own := .Values.terminationGracePeriodSeconds -}}
{{- if kindIs "invalid" $own -}}{{- add (include "natsgate.drainSeconds" . | int) 10 -}}{{- else -}}{{- int $own -}}{{- end -}}
{{- end -}}

{{/*
The longest drain that this pod has time for, whatever a later reload says: its grace period is fixed, drain is not.
At most a day, which is the most that the gateway takes.
*/}}
{{- define "natsgate.drainBudget" -}}
{{- printf "%ds" (sub (include "natsgate.gracePeriod" . | int) (add (include "natsgate.sleepSeconds" . | int) 5) | max 1 | min 86400) -}}
{{- end -}}

{{- define "natsgate.proxySeedSecret" -}}
{{- if .Values.proxySeed.existingSecret -}}{{- .Values.proxySeed.existingSecret -}}
{{- else if .Values.proxySeed.value -}}{{- include "natsgate.fullname" . -}}
{{- end -}}
{{- end -}}

{{- define "natsgate.adminTokenSecret" -}}
{{- if .Values.adminToken.existingSecret -}}{{- .Values.adminToken.existingSecret -}}
{{- else if .Values.adminToken.value -}}{{- include "natsgate.fullname" . -}}
{{- end -}}
{{- end -}}

{{- define "natsgate.scheme" -}}
{{- ternary "wss" "ws" .Values.tls.enabled -}}
{{- end -}}

{{/* Matchers of this release's series. */}}
{{- define "natsgate.series" -}}
{{- $job := printf "%s-metrics" (include "natsgate.fullname" .) -}}
{{- if .Values.metrics.podMonitor.enabled -}}{{- $job = printf "%s/%s" (default (include "natsgate.namespace" .) .Values.metrics.podMonitor.namespace) (include "natsgate.fullname" .) -}}{{- end -}}
{{- default (printf "namespace=%q,job=%q" (include "natsgate.namespace" .) $job) .Values.prometheusRule.selector -}}
{{- end -}}

{{/* Host of the Service, as the cluster's DNS has it. */}}
{{- define "natsgate.serviceHost" -}}
{{- printf "%s.%s.svc" (include "natsgate.fullname" .) (include "natsgate.namespace" .) -}}
{{- end -}}

{{/* A name that the pods' certificate has: that of the Service, unless certificate.dnsNames are others. */}}
{{- define "natsgate.certificateName" -}}
{{- $host := include "natsgate.serviceHost" . -}}
{{- $names := ternary .Values.certificate.dnsNames (list) .Values.certificate.enabled -}}
{{- if or (empty $names) (has $host $names) -}}{{- $host -}}{{- else -}}{{- first $names | replace "*" "any" -}}{{- end -}}
{{- end -}}
