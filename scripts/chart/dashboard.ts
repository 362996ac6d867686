/**
 * The Grafana dashboard, from a table of panels: what is the same for all of them (selectors, sizes, ids) is said
 * once. `scripts/write-schema.ts` writes it; test/helm/dashboard.test.ts looks at the result. The file can be imported
 * as it is; the chart writes uid, title and error budget of the release into it (templates/_dashboard.tpl).
 */
import { type Panel, type Row, SERIES } from './panels.ts';
import { CLIENT_ROWS } from './rows-clients.ts';
import { OVERVIEW_ROWS } from './rows-overview.ts';
import { PROCESS_ROWS } from './rows-process.ts';
import { TRAFFIC_ROWS } from './rows-traffic.ts';

const ROWS: readonly Row[] = [...OVERVIEW_ROWS, ...CLIENT_ROWS, ...TRAFFIC_ROWS, ...PROCESS_ROWS];
const SOURCE = { type: 'prometheus', uid: '$datasource' };
const WIDTH = 24;

/** The text of files/dashboards/natsgate.json. */
export function dashboardText(): string {
  const panels: object[] = [];
  let nextId = 1;
  let y = 0;
  for (const { title, open, panels: own } of ROWS) {
    const row = { id: nextId++, type: 'row', title, gridPos: { x: 0, y: y++, w: WIDTH, h: 1 } };
    const { places, height } = placed(own, y);
    const inside = own.map((panel, index) => panelJson(nextId++, panel, places[index] ?? {}));
    // What a collapsed row holds is inside it, and is asked for only when somebody opens it.
    if (open) {
      panels.push({ ...row, collapsed: false, panels: [] }, ...inside);
      y += height;
    } else panels.push({ ...row, collapsed: true, panels: inside });
  }
  return `${JSON.stringify(dashboard(panels), undefined, 1)}\n`;
}

/** Panels side by side from `top` down, as they fit, and the height of all. */
function placed(panels: readonly Panel[], top: number): { places: object[]; height: number } {
  let x = 0;
  let y = top;
  let height = 0;
  const places = panels.map(({ kind = 'timeseries', width = 8 }) => {
    const high = kind === 'stat' ? 4 : kind === 'table' ? 5 : 8;
    if (x + width > WIDTH) {
      y += height;
      x = 0;
      height = 0;
    }
    const place = { x, y, w: width, h: high };
    x += width;
    height = Math.max(height, high);
    return place;
  });
  return { places, height: y + height - top };
}

function panelJson(id: number, panel: Panel, gridPos: object): object {
  const { kind = 'timeseries' } = panel;
  return {
    id,
    type: kind,
    title: panel.title,
    description: panel.about,
    datasource: SOURCE,
    gridPos,
    fieldConfig: { defaults: { unit: panel.unit }, overrides: [] },
    options: kind === 'timeseries' ? { legend: { displayMode: 'list' }, tooltip: { mode: 'multi' } } : {},
    targets: panel.queries.map(([expr, legendFormat], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: SOURCE,
      expr,
      legendFormat,
      ...(panel.instant || kind === 'table' ? { instant: true } : {}),
      ...(kind === 'table' || kind === 'heatmap' ? { format: kind } : {}),
    })),
  };
}

/** `all` is what "All" stands for: `.*` also finds series without the label. */
function variable(name: string, label: string, matchers: string, all: string): object {
  const query = `label_values(natsgate_build_info${matchers}, ${name})`;
  return {
    name,
    label,
    type: 'query',
    datasource: SOURCE,
    query: { query, refId: name },
    definition: query,
    refresh: 2,
    includeAll: true,
    multi: true,
    allValue: all,
    current: { text: 'All', value: '$__all' },
    sort: 1,
  };
}

function dashboard(panels: readonly object[]): object {
  return {
    uid: 'natsgate',
    title: 'natsgate',
    description: 'WebSocket sessions in front of NATS.',
    tags: ['nats', 'websocket'],
    editable: false,
    schemaVersion: 39,
    version: 1,
    timezone: 'browser',
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    graphTooltip: 1,
    templating: {
      list: [
        {
          name: 'datasource',
          label: 'Data source',
          type: 'datasource',
          query: 'prometheus',
          refresh: 1,
          current: {},
        },
        variable('cluster', 'Cluster', '', '.*'),
        variable('namespace', 'Namespace', '{cluster=~"$cluster"}', '.*'),
        variable('job', 'Job', '{cluster=~"$cluster",namespace=~"$namespace"}', '.+'),
        variable('instance', 'Instance', '{cluster=~"$cluster",namespace=~"$namespace",job=~"$job"}', '.+'),
        {
          name: 'budget',
          label: 'Error budget',
          type: 'constant',
          hide: 2,
          query: '0.001',
          current: { text: '0.001', value: '0.001' },
        },
      ],
    },
    annotations: {
      list: [
        {
          name: 'Restarts',
          datasource: SOURCE,
          enable: true,
          iconColor: 'orange',
          expr: `changes(process_start_time_seconds{${SERIES}}[2m]) > 0`,
          titleFormat: 'restart of {{pod}}',
        },
        {
          name: 'Alerts',
          datasource: SOURCE,
          enable: true,
          iconColor: 'red',
          expr: 'ALERTS{alertname=~"Natsgate.*",alertstate="firing",cluster=~"$cluster",namespace=~"$namespace"}',
          titleFormat: '{{alertname}}',
        },
      ],
    },
    links: [],
    panels,
  };
}
