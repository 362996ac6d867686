{{/* What the chart knows of the gateway's own keys; written by npm run build:schema. */}}
{{- define "natsgate.facts" -}}
{{- .Files.Get "files/gateway.json" -}}
{{- end -}}

{{/*
The values' config, as JSON, with what the gateway cannot do without: an example that lets nobody real in, and
nats-server's usual name. Booleans in place of on and off, and null in place of an empty section, are the gateway's to read.
*/}}
{{- define "natsgate.written" -}}
{{- $config := default dict .Values.config -}}
{{- range $key, $example := dict "origins" (list "https://app.example.com") "upstream" "nats://nats:4222" -}}
{{- if not (get $config $key) -}}{{- $config = merge (dict $key $example) (omit $config $key) -}}{{- end -}}
{{- end -}}
{{- toJson $config -}}
{{- end -}}

{{/* One value of a configuration: (dict "config" map "key" "drain.delay"), or nothing. No section on the way has a short form that matters. */}}
{{- define "natsgate.at" -}}
{{- $value := .config -}}
{{- range splitList "." .key -}}
{{- $value = ternary (get (ternary $value dict (kindIs "map" $value)) .) "" (kindIs "map" $value) -}}
{{- end -}}
{{- kindIs "string" $value | ternary $value (toJson $value) -}}
{{- end -}}

{{/* The same of the values' config, else the gateway's default: (list root "drain.delay"). */}}
{{- define "natsgate.setting" -}}
{{- $root := index . 0 -}}
{{- $key := index . 1 -}}
{{- $written := include "natsgate.at" (dict "config" (include "natsgate.written" $root | fromJson) "key" $key) -}}
{{- default (index (include "natsgate.facts" $root | fromJson).defaults $key) $written -}}
{{- end -}}

{{/* A duration of the gateway's configuration (500ms, 1.5s, 1m30s, 0) in milliseconds: (list root key). */}}
{{- define "natsgate.milliseconds" -}}
{{- $sum := 0.0 -}}
{{- range regexFindAll "[0-9.]+(ms|s|m|h)" (include "natsgate.setting" .) -1 -}}
{{- $unit := index (dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000) (regexFind "[a-z]+" .) -}}
{{- $sum = addf $sum (mulf (regexFind "[0-9.]+" . | float64) $unit) -}}
{{- end -}}
{{- round $sum 0 | int -}}
{{- end -}}

{{/* The same in whole seconds, rounded up. */}}
{{- define "natsgate.seconds" -}}
{{- div (add (include "natsgate.milliseconds" . | int) 999) 1000 -}}
{{- end -}}

{{/* What the gateway reads: the values' config, and what the chart knows better. */}}
{{- define "natsgate.config" -}}
{{- $config := include "natsgate.written" . | fromJson -}}
{{- if not (kindIs "map" $config.upstream) -}}{{- $_ := set $config "upstream" (dict "servers" $config.upstream) -}}{{- end -}}
{{- if .Values.tls.enabled -}}
{{- $tls := dict "certFile" (printf "/etc/natsgate/tls/%s" .Values.tls.certKey) "keyFile" (printf "/etc/natsgate/tls/%s" .Values.tls.keyKey) -}}
{{- with .Values.tls.clientCaKey -}}{{- $_ := set $tls "clientCaFile" (printf "/etc/natsgate/tls/%s" .) -}}{{- end -}}
{{- $config = mergeOverwrite $config (dict "listen" (dict "tls" $tls)) -}}
{{- end -}}
{{- if .Values.upstreamTls.existingSecret -}}
{{- $tls := dict -}}
{{- range $key, $file := dict "caFile" .Values.upstreamTls.caKey "certFile" .Values.upstreamTls.certKey "keyFile" .Values.upstreamTls.keyKey -}}
{{- if $file -}}{{- $_ := set $tls $key (printf "/etc/natsgate/upstream-tls/%s" $file) -}}{{- end -}}
{{- end -}}
{{- $config = mergeOverwrite $config (dict "upstream" (dict "tls" $tls)) -}}
{{- end -}}
{{- if include "natsgate.proxySeedSecret" . -}}
{{- $config = mergeOverwrite $config (dict "upstream" (dict "proxySeedFile" (printf "/etc/natsgate/proxy-seed/%s" .Values.proxySeed.key))) -}}
{{- end -}}
{{- if include "natsgate.adminTokenSecret" . -}}
{{- $config = mergeOverwrite $config (dict "admin" (dict "tokenFile" (printf "/etc/natsgate/admin-token/%s" .Values.adminToken.key))) -}}
{{- end -}}
{{- if .Values.adminTls.existingSecret -}}
{{- $tls := dict "certFile" (printf "/etc/natsgate/admin-tls/%s" .Values.adminTls.certKey) "keyFile" (printf "/etc/natsgate/admin-tls/%s" .Values.adminTls.keyKey) -}}
{{- $config = mergeOverwrite $config (dict "admin" (dict "tls" $tls)) -}}
{{- end -}}
{{- toPrettyJson $config -}}
{{- end -}}

{{/* How the admin port is asked; files of config.admin.tls may come from extraVolumes, too. */}}
{{- define "natsgate.adminScheme" -}}
{{- $config := include "natsgate.config" . | fromJson -}}
{{- ternary "https" "http" (ne "" (include "natsgate.at" (dict "config" $config "key" "admin.tls.certFile"))) -}}
{{- end -}}

{{/*
In the pod template, so that pods roll when something changes that a running gateway cannot take over: client
certificates switched on, above all. The keys are the gateway's own list.
*/}}
{{- define "natsgate.restartChecksum" -}}
{{- $config := include "natsgate.config" . | fromJson -}}
{{- $restart := (include "natsgate.facts" . | fromJson).restart -}}
{{- $seen := dict -}}
{{- range $key := concat $restart.values $restart.switches -}}
{{- with include "natsgate.at" (dict "config" $config "key" $key) -}}{{- $_ := set $seen $key (ternary "set" . (has $key $restart.switches)) -}}{{- end -}}
{{- end -}}
{{- toJson $seen | sha256sum -}}
{{- end -}}

{{/* Origins that may connect, whatever form they were written in: one a line. */}}
{{- define "natsgate.origins" -}}
{{- $origins := (include "natsgate.written" . | fromJson).origins -}}
{{- if kindIs "map" $origins -}}{{- $origins = $origins.allow -}}{{- end -}}
{{- join "\n" $origins -}}
{{- end -}}

{{/* Whether requests for a path have a route: (list root path). Everything below / counts, which is / to a client. */}}
{{- define "natsgate.servesPath" -}}
{{- $path := index . 1 -}}
{{- if has $path (list "" "/" "/*") -}}yes{{- end -}}
{{- range (include "natsgate.written" (index . 0) | fromJson).routes -}}{{- if eq (default "/" .path) $path -}}yes{{- end -}}{{- end -}}
{{- end -}}

{{/* Origins that a probe may send, as JSON {origins}: those that name one page first, then the others with a page filled in. */}}
{{- define "natsgate.probeOrigins" -}}
{{- $exact := list -}}
{{- $filled := list -}}
{{- range splitList "\n" (include "natsgate.origins" .) -}}
{{- if eq . "*" -}}{{- $filled = append $filled "https://test.example.com" -}}
{{- else if eq . "localhost" -}}{{- $filled = append $filled "http://localhost" -}}
{{- else if and (contains "://" .) (contains "*" .) -}}{{- $filled = append $filled (replace "*" "test" .) -}}
{{- else if contains "://" . -}}{{- $exact = append $exact . -}}
{{- end -}}
{{- end -}}
{{- dict "origins" (concat $exact $filled) | toJson -}}
{{- end -}}
