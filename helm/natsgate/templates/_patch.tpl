{{/* A list of JSON Patch operations on a map: (dict "doc" map "patch" list) gives the patched map as JSON. */}}
{{- define "natsgate.patched" -}}
{{- $doc := .doc -}}
{{- range .patch -}}
{{- $tokens := list -}}
{{- range rest (splitList "/" .path) -}}{{- $tokens = append $tokens (. | replace "~1" "/" | replace "~0" "~") -}}{{- end -}}
{{- $doc = (include "natsgate.patchStep" (dict "doc" $doc "tokens" $tokens "op" .op "value" .value "path" .path) | fromJson).doc -}}
{{- end -}}
{{- toJson $doc -}}
{{- end -}}

{{- define "natsgate.patchStep" -}}
{{- $token := first .tokens -}}
{{- $rest := rest .tokens -}}
{{- $new := .doc -}}
{{- if kindIs "map" .doc -}}
{{- if and (not (hasKey .doc $token)) (or $rest (ne .op "add")) -}}{{- fail (printf "deploymentPatch: %s: there is no %q" .path $token) -}}{{- end -}}
{{- if $rest -}}
{{- $_ := set $new $token (include "natsgate.patchStep" (dict "doc" (index .doc $token) "tokens" $rest "op" .op "value" .value "path" .path) | fromJson).doc -}}
{{- else if eq .op "remove" -}}{{- $_ := unset $new $token -}}
{{- else if eq .op "test" -}}
{{- if not (deepEqual (index .doc $token) .value) -}}{{- fail (printf "deploymentPatch: %s is not %s" .path (toJson .value)) -}}{{- end -}}
{{- else -}}{{- $_ := set $new $token .value -}}
{{- end -}}
{{- else if kindIs "slice" .doc -}}
{{- $new = list -}}
{{- if and (eq $token "-") (eq .op "add") (not $rest) -}}{{- $new = append .doc .value -}}
{{- else -}}
{{- if or (not (regexMatch "^[0-9]+$" $token)) (ge (int $token) (len .doc)) -}}{{- fail (printf "deploymentPatch: %s: there is no entry %s" .path $token) -}}{{- end -}}
{{- $all := . -}}
{{- range $index, $entry := .doc -}}
{{- if ne (toString $index) $token -}}{{- $new = append $new $entry -}}
{{- else if $rest -}}{{- $new = append $new (include "natsgate.patchStep" (dict "doc" $entry "tokens" $rest "op" $all.op "value" $all.value "path" $all.path) | fromJson).doc -}}
{{- else if eq $all.op "add" -}}{{- $new = append (append $new $all.value) $entry -}}
{{- else if eq $all.op "replace" -}}{{- $new = append $new $all.value -}}
{{- else if eq $all.op "test" -}}
{{- if not (deepEqual $entry $all.value) -}}{{- fail (printf "deploymentPatch: %s is not %s" $all.path (toJson $all.value)) -}}{{- end -}}
{{- $new = append $new $entry -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- else -}}{{- fail (printf "deploymentPatch: %s leads into a value" .path) -}}
{{- end -}}
{{- toJson (dict "doc" $new) -}}
{{- end -}}
