import { json } from '../../private-http/answer.ts';
import type { Routes } from '../../private-http/exchange.ts';
import type { Status } from '../../status.ts';

export type SubjectsSource = { readonly status: Pick<Status, 'subjects'> };

/** /api/subjects: the subjects with the most messages, by a sample that goes on while somebody asks. */
export function addSubjects(routes: Routes, source: SubjectsSource): void {
  routes.get('/api/subjects', (exchange) => json(exchange, source.status.subjects()));
}
