{{- define "nightcrew.name" -}}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{- end }}

{{- define "nightcrew.labels" -}}
app.kubernetes.io/name: nightcrew
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "nightcrew.store" -}}
{{- .Values.store.url | default (printf "postgresql://nightcrew@%s-postgres/nightcrew" (include "nightcrew.name" .)) -}}
{{- end }}

{{- define "nightcrew.container" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
  # bubblewrap makes namespaces, and a /proc of its own; what runs in it has nightcrew's own filter.
  seccompProfile: {type: Unconfined}
  procMount: Unmasked
env:
  - {name: NIGHTCREW_STORE, value: {{ include "nightcrew.store" . | quote }}}
  - name: PGPASSWORD
    valueFrom: {secretKeyRef: {name: {{ .Values.store.passwordSecret | quote }}, key: password}}
  {{- if .Values.broker.urlSecret }}
  - name: NIGHTCREW_BROKER
    valueFrom: {secretKeyRef: {name: {{ .Values.broker.urlSecret | quote }}, key: url}}
  {{- else }}
  - {name: NIGHTCREW_BROKER, value: "redis://{{ include "nightcrew.name" . }}-redis/0"}
  {{- end }}
  {{- if .Values.config }}
  - {name: XDG_CONFIG_HOME, value: /etc/nightcrew-config}
  {{- end }}
{{- with .Values.secrets }}
envFrom:
  {{- range . }}
  - secretRef: {name: {{ . | quote }}}
  {{- end }}
{{- end }}
volumeMounts:
  - {name: state, mountPath: /var/lib/nightcrew}
  {{- if .Values.repositories.claim }}
  - {name: repositories, mountPath: {{ .Values.repositories.path | quote }}}
  {{- end }}
  {{- if .Values.config }}
  - {name: config, mountPath: /etc/nightcrew-config/nightcrew, readOnly: true}
  {{- end }}
{{- end }}

{{- define "nightcrew.ray" -}}
# KubeRay gives the command. Its own probes ask Ray's dashboard, which is not there: these ask the node itself.
readinessProbe: {tcpSocket: {port: 6380}, periodSeconds: 10}
livenessProbe: {tcpSocket: {port: 6380}, periodSeconds: 20, initialDelaySeconds: 60, failureThreshold: 6}
{{- end }}

{{- define "nightcrew.resources" -}}
{{- $given := deepCopy .given -}}
{{- if .fuse -}}
{{- $given = mergeOverwrite $given (dict "limits" (merge (dict .fuse 1) ($given.limits | default dict))) -}}
{{- end -}}
{{- toJson $given -}}
{{- end }}

{{- define "nightcrew.pod" -}}
hostUsers: {{ .Values.security.hostUsers }}
automountServiceAccountToken: false
securityContext: {fsGroup: 10001, fsGroupChangePolicy: OnRootMismatch}
volumes:
  - name: state
    persistentVolumeClaim: {claimName: {{ .Values.state.claim | default (printf "%s-state" (include "nightcrew.name" .)) | quote }}}
  {{- if .Values.repositories.claim }}
  - name: repositories
    persistentVolumeClaim: {claimName: {{ .Values.repositories.claim | quote }}}
  {{- end }}
  {{- if .Values.config }}
  - name: config
    configMap: {name: "{{ include "nightcrew.name" . }}-config"}
  {{- end }}
{{- end }}
