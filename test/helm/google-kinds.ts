/** Kinds of GKE, of which no package has the shape: written from their documentation, closed, for the compiler alone. */
type Metadata = { readonly name: string; readonly namespace?: string };
type TargetRef = { readonly group: ''; readonly kind: 'Service'; readonly name: string };
type Timing = {
  readonly checkIntervalSec?: number;
  readonly timeoutSec?: number;
  readonly healthyThreshold?: number;
  readonly unhealthyThreshold?: number;
};

export type IHealthCheckPolicy = {
  readonly apiVersion: 'networking.gke.io/v1';
  readonly kind: 'HealthCheckPolicy';
  readonly metadata: Metadata;
  readonly spec: {
    readonly default: Timing & {
      readonly config: {
        readonly type: 'HTTP';
        readonly httpHealthCheck: {
          readonly portSpecification: 'USE_FIXED_PORT' | 'USE_SERVING_PORT';
          readonly port?: number;
          readonly requestPath?: string;
        };
      };
    };
    readonly targetRef: TargetRef;
  };
};

export type IGCPBackendPolicy = {
  readonly apiVersion: 'networking.gke.io/v1';
  readonly kind: 'GCPBackendPolicy';
  readonly metadata: Metadata;
  readonly spec: {
    readonly default: {
      readonly timeoutSec?: number;
      readonly connectionDraining?: { readonly drainingTimeoutSec: number };
    };
    readonly targetRef: TargetRef;
  };
};

export type IBackendConfig = {
  readonly apiVersion: 'cloud.google.com/v1';
  readonly kind: 'BackendConfig';
  readonly metadata: Metadata;
  readonly spec: {
    readonly timeoutSec?: number;
    readonly connectionDraining?: { readonly drainingTimeoutSec: number };
    readonly healthCheck?: Timing & {
      readonly type: 'HTTP';
      readonly port: number;
      readonly requestPath: string;
    };
  };
};
