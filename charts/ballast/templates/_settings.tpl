{{/* The settings file of the server. */}}

{{/* A map of scalars, lists and maps of these as TOML, below the path `above`. JSON's spelling of
scalars and lists is TOML's; Helm's own toToml writes every whole number with a decimal point. A list
of maps is a list of tables. */}}
{{- define "ballast.toml" -}}
{{- $above := .above }}
{{- range $key, $value := .settings }}
{{- $isTables := and (kindIs "slice" $value) $value (kindIs "map" (first $value)) }}
{{- if not (or (kindIs "map" $value) (kindIs "invalid" $value) $isTables) }}
{{ $key }} = {{ toJson $value }}
{{- end }}
{{- end }}
{{- range $key, $value := .settings }}
{{- $path := printf "%s%s" $above $key }}
{{- if kindIs "map" $value }}
[{{ $path }}]
{{- include "ballast.toml" (dict "above" (printf "%s." $path) "settings" $value) }}
{{- else if and (kindIs "slice" $value) $value (kindIs "map" (first $value)) }}
{{- range $value }}
[[{{ $path }}]]
{{- include "ballast.toml" (dict "above" (printf "%s." $path) "settings" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "ballast.listen" -}}
{{ contains ":" .address | ternary (printf "[%s]" .address) .address }}:{{ .port }}
{{- end }}

{{- define "ballast.settings" -}}
{{- $server := .Values.server -}}
{{- $own := dict
  "listen" (include "ballast.listen" (dict "address" $server.bindAddress "port" $server.ports.grpc))
  "admin" (dict "listen" (include "ballast.listen" (dict "address" $server.bindAddress "port" $server.ports.admin)))
-}}
{{- if eq .Values.mode "standalone" -}}
{{- $_ := set $own "store" "sqlite:/var/lib/ballast/ballast.db" -}}
{{- $_ := set $own "create" .Values.persistence.create -}}
{{- end -}}
{{- if .Values.certManager.enabled -}}
{{- $folder := "/etc/ballast/certificate" -}}
{{- $_ := set $own "tls" (dict "certificate" (printf "%s/tls.crt" $folder) "key" (printf "%s/tls.key" $folder)) -}}
{{- end -}}
{{- include "ballast.toml" (dict "above" "" "settings" (merge $own .Values.config)) | trim }}
{{- end }}
