{{/* Values that cannot work together. The schema refuses what is wrong by itself. */}}

{{/* The bytes of a quantity. */}}
{{- define "ballast.bytes" -}}
{{- $unit := regexFind "[A-Za-z]*$" (toString .) -}}
{{- $factors := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- mulf (toString . | trimSuffix $unit | float64) (get $factors $unit) | int64 -}}
{{- end }}

{{/* Values of one mode that are given with the other. Takes the root and the values by name. */}}
{{- define "ballast.refuseUnused" -}}
{{- range $name, $value := .unused -}}
{{- if $value -}}
{{- fail (printf "%s: nothing uses it with mode: %s" $name $.root.Values.mode) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "ballast.checkStandalone" -}}
{{- if lt 1 (int .Values.replicaCount) -}}
{{- fail "replicaCount: a standalone server keeps its store to itself; more servers need mode: scaled" -}}
{{- end -}}
{{- $database := .Values.database -}}
{{- $unused := dict
  "autoscaling.enabled" .Values.autoscaling.enabled
  "database.existingSecret" $database.existingSecret
  "database.host" $database.host
  "database.urlKey" $database.urlKey
  "database.standby.host" $database.standby.host
  "database.standby.urlKey" $database.standby.urlKey
  "database.parameters" $database.parameters
  "database.ca.existingSecret" $database.ca.existingSecret
  "migrations.existingSecret" .Values.migrations.existingSecret
  "networkPolicy.database" .Values.networkPolicy.database
-}}
{{- include "ballast.refuseUnused" (dict "root" . "unused" $unused) -}}
{{- end }}

{{- define "ballast.checkScaled" -}}
{{- $database := .Values.database -}}
{{- $unused := dict
  "persistence.existingClaim" .Values.persistence.existingClaim
  "persistence.storageClass" .Values.persistence.storageClass
-}}
{{- include "ballast.refuseUnused" (dict "root" . "unused" $unused) -}}
{{- if not $database.existingSecret -}}
{{- fail "database.existingSecret: mode: scaled needs a secret with the credentials of PostgreSQL" -}}
{{- end -}}
{{- if not (or $database.urlKey $database.host) -}}
{{- fail "database.host: set it, or database.urlKey for a secret with a whole URL" -}}
{{- end -}}
{{- if and $database.urlKey (or $database.host $database.standby.host $database.parameters) -}}
{{- fail "database.urlKey: the URL of the secret is used as it is; leave host and parameters empty" -}}
{{- end -}}
{{- if and $database.standby.urlKey (not $database.urlKey) -}}
{{- fail "database.standby.urlKey: set database.urlKey as well, or database.standby.host instead" -}}
{{- end -}}
{{- if and .Values.migrations.existingSecret (not .Values.migrations.enabled) -}}
{{- fail "migrations.existingSecret: nothing uses it without migrations.enabled" -}}
{{- end -}}
{{- end }}

{{- define "ballast.checkTimes" -}}
{{- $drain := .Values.config.drain -}}
{{- $needed := add (div (add (int $drain.notice_ms) (int $drain.deadline_ms) 999) 1000) 15 -}}
{{- if lt (int .Values.terminationGracePeriodSeconds) (int $needed) -}}
{{- fail (printf "terminationGracePeriodSeconds: must be at least %d, for config.drain and 15 s more" $needed) -}}
{{- end -}}
{{- $age := div (add (int .Values.config.connections.max_age_ms) 999) 1000 -}}
{{- if and .Values.autoscaling.enabled (lt (int .Values.autoscaling.scaleDown.stabilizationWindowSeconds) (int $age)) -}}
{{- fail (printf "autoscaling.scaleDown.stabilizationWindowSeconds: must be at least %d, the age of connections" $age) -}}
{{- end -}}
{{- end }}

{{- define "ballast.checkMemory" -}}
{{- $limits := .Values.config.limits -}}
{{- $receive := int64 (get $limits "receive_bytes" | default 4194304) -}}
{{- $request := add (mul 2 $receive) 5 33554432 -}}
{{- /* An item of a stream: as it is sent, its lists, and 1,024 bytes of an answer for 10,000 positions. */ -}}
{{- $item := add $receive 33554432 10240000 -}}
{{- $streams := add (int64 (get $limits "exchanges" | default 28)) (int64 (get $limits "uploads" | default 4)) -}}
{{- $all := max (mul 3 $request) (div (add (mul 8 $item) 2) 3) -}}
{{- if lt (int64 $limits.request_memory_bytes) $all -}}
{{- fail (printf "config.limits.request_memory_bytes: must be at least %d, for three of the largest requests, and so that streams fit the largest book" $all) -}}
{{- end -}}
{{- $messages := mul 2 $streams $receive -}}
{{- if lt (int64 $limits.request_memory_bytes) $messages -}}
{{- fail (printf "config.limits.request_memory_bytes: must be at least %d, twice the largest messages of all exchanges and uploads; or lower config.limits.exchanges" $messages) -}}
{{- end -}}
{{- $own := max $request (div (add (mul 4 $item) 2) 3) -}}
{{- if lt (int64 (get $limits "request_memory_bytes_per_connection" | default 67108864)) $own -}}
{{- fail (printf "config.limits.request_memory_bytes_per_connection: must be at least %d, so that its streams fit the largest book" $own) -}}
{{- end -}}
{{- $bound := add (int64 $limits.prepared_bytes) (int64 $limits.request_memory_bytes) (int64 $limits.answer_bytes) (int64 $limits.upload_memory_bytes) (int64 $limits.watch_memory_bytes) -}}
{{- with (.Values.resources.limits | default dict).memory -}}
{{- if le (include "ballast.bytes" . | int64) $bound -}}
{{- fail (printf "resources.limits.memory: %v must be more than the %d bytes that config.limits lets requests, answers, uploads, watches and prepared values hold, because the market needs memory, too" . $bound) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "ballast.checkReplicas" -}}
{{- $fewest := .Values.autoscaling.enabled | ternary .Values.autoscaling.minReplicas .Values.replicaCount -}}
{{- with .Values.podDisruptionBudget -}}
{{- if and .enabled (not (kindIs "invalid" .minAvailable)) -}}
{{- if not (kindIs "invalid" .maxUnavailable) -}}
{{- fail "podDisruptionBudget: minAvailable or maxUnavailable, not both" -}}
{{- end -}}
{{- if le (int $fewest) (int .minAvailable) -}}
{{- fail (printf "podDisruptionBudget.minAvailable: %v of %v servers would block every drain of a node" .minAvailable $fewest) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with .Values.autoscaling -}}
{{- if and .enabled (lt (int .maxReplicas) (int .minReplicas)) -}}
{{- fail "autoscaling.maxReplicas: must be at least minReplicas" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "ballast.checkNetwork" -}}
{{- if and .Values.networkPolicy.enabled .Values.metrics.serviceMonitor.enabled (not .Values.networkPolicy.scrapers) -}}
{{- fail "networkPolicy.scrapers: name the pods of Prometheus, or the policy keeps them out" -}}
{{- end -}}
{{- if and .Values.networkPolicy.collector (not (include "ballast.collectors" . | trim)) -}}
{{- fail "networkPolicy.collector: nothing is sent without an endpoint under config.tracing, metrics or log" -}}
{{- end -}}
{{- if and .Values.networkPolicy.issuer (not (.Values.config.auth.jwt | default dict).keys_url) -}}
{{- fail "networkPolicy.issuer: no keys are fetched without config.auth.jwt.keys_url" -}}
{{- end -}}
{{- if eq (int .Values.server.ports.grpc) (int .Values.server.ports.admin) -}}
{{- fail "server.ports: grpc and admin must differ" -}}
{{- end -}}
{{- end }}

{{/* The binary refuses to listen for anybody by mistake, and so does the chart. */}}
{{- define "ballast.checkCallers" -}}
{{- $auth := .Values.config.auth -}}
{{- $isOn := or $auth.tokens $auth.certificates (($auth.jwt | default dict).issuer) -}}
{{- if and $isOn $auth.anonymous -}}
{{- fail "config.auth.anonymous: must be false if callers are listed: they need credentials" -}}
{{- end -}}
{{- if not (or $isOn $auth.anonymous) -}}
{{- fail "config.auth: list callers, or set anonymous if the network policy is enough" -}}
{{- end -}}
{{- $tls := .Values.config.tls | default dict -}}
{{- $test := .Values.tests -}}
{{- $isAsked := and $tls.client_ca (ne ($tls.client_certificates | default "required") "optional") -}}
{{- if and $test.enabled $tls.certificate (not (or $test.tls.ca .Values.certManager.enabled)) -}}
{{- fail "tests.tls.ca: the test pod needs the authority of config.tls.certificate" -}}
{{- end -}}
{{- if and $test.enabled $isAsked (not (and $test.tls.certificate $test.tls.key)) -}}
{{- fail "tests.tls.certificate: config.tls.client_ca asks clients for a certificate; give the test pod one, with its key" -}}
{{- end -}}
{{- if and (or $test.tls.ca $test.tls.certificate $test.tls.key) (not (include "ballast.isTls" .)) -}}
{{- fail "tests.tls: nothing uses it without config.tls.certificate or certManager" -}}
{{- end -}}
{{- end }}

{{/* The seconds of a duration, for instance 2160h or 1h30m. */}}
{{- define "ballast.seconds" -}}
{{- $text := toString . -}}
{{- $hours := regexFind "[0-9]+h" $text | trimSuffix "h" | int -}}
{{- $minutes := regexFind "[0-9]+m" $text | trimSuffix "m" | int -}}
{{- add (mul 3600 $hours) (mul 60 $minutes) (regexFind "[0-9]+s" $text | trimSuffix "s" | int) -}}
{{- end }}

{{- define "ballast.checkCertificate" -}}
{{- $tls := .Values.config.tls | default dict -}}
{{- with .Values.certManager -}}
{{- if and .enabled (or $tls.certificate $tls.key) -}}
{{- fail "config.tls.certificate: certManager makes it; leave certificate and key empty" -}}
{{- end -}}
{{- if and .enabled (not .issuerRef.name) -}}
{{- fail "certManager.issuerRef.name: name the issuer that signs the certificate" -}}
{{- end -}}
{{- if and (not .enabled) (or .issuerRef.name .dnsNames .secretName) -}}
{{- fail "certManager: nothing uses issuerRef, dnsNames and secretName without certManager.enabled" -}}
{{- end -}}
{{- $ends := include "ballast.seconds" .duration | int -}}
{{- $renewed := include "ballast.seconds" .renewBefore | int -}}
{{- if lt $ends 3600 -}}
{{- fail "certManager.duration: cert-manager makes no certificate for less than an hour" -}}
{{- end -}}
{{- if or (lt $renewed 300) (le $ends $renewed) -}}
{{- fail "certManager.renewBefore: must be at least 5m, and less than certManager.duration" -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* What would override the chart's own settings, or put a secret where everyone can read it. */}}
{{- define "ballast.checkSettings" -}}
{{- range .Values.extraEnv -}}
{{- if hasPrefix "BALLAST_" .name -}}
{{- fail (printf "extraEnv: %s is a setting; write it under config" .name) -}}
{{- end -}}
{{- end -}}
{{- range $key, $value := .Values.database.parameters -}}
{{- if regexMatch "(?i)^(ssl|user$|pass)" $key -}}
{{- fail (printf "database.parameters: %s has a value of its own under database, or belongs into the secret" $key) -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- define "ballast.check" -}}
{{- if eq .Values.mode "scaled" -}}
{{- include "ballast.checkScaled" . -}}
{{- else -}}
{{- include "ballast.checkStandalone" . -}}
{{- end -}}
{{- include "ballast.checkTimes" . -}}
{{- include "ballast.checkMemory" . -}}
{{- include "ballast.checkReplicas" . -}}
{{- include "ballast.checkNetwork" . -}}
{{- include "ballast.checkCallers" . -}}
{{- include "ballast.checkCertificate" . -}}
{{- include "ballast.checkSettings" . -}}
{{- end }}
