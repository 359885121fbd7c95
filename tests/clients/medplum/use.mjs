// What a program that uses the Medplum client does, unchanged but for its constructor's options. Reads {base, token}
// from standard input; ends with 0 when every expectation holds.
import assert from 'node:assert/strict';
import { MedplumClient } from '@medplum/core';

const { base, token } = JSON.parse(await new Response(process.stdin).text());
const FAMILY = 'Zebrowski';
const made = [];

function client(options = {}) {
  return new MedplumClient({
    baseUrl: base,
    fhirUrlPath: 'v1/fhir',
    accessToken: token,
    defaultHeaders: { 'X-Purpose-Of-Use': 'TREATMENT' },
    ...options,
  });
}

const medplum = client();
const person = {
  resourceType: 'Patient',
  active: true,
  name: [{ family: FAMILY, given: ['Jorun'] }],
  birthDate: '1957-03-04',
  gender: 'female',
};

function weight(patient, kilos) {
  return {
    resourceType: 'Observation',
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: '29463-7' }] },
    subject: { reference: `Patient/${patient.id}` },
    effectiveDateTime: '2026-02-03T08:00:00Z',
    valueQuantity: { value: kilos, unit: 'kg' },
  };
}

async function refused(promise, status, text) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.outcome.resourceType, 'OperationOutcome');
    assert.match(error.message, text);
    return true;
  });
}

const steps = {
  async 'create, read and update'() {
    const patient = await medplum.createResource(person);
    assert.equal(patient.meta.versionId, '1');
    assert.deepEqual(await medplum.readResource('Patient', patient.id), patient);
    assert.deepEqual(await medplum.readReference({ reference: `Patient/${patient.id}` }), patient);
    const changed = await medplum.updateResource({ ...patient, gender: 'other' });
    assert.equal(changed.meta.versionId, '2');
    assert.equal((await client().readResource('Patient', patient.id)).gender, 'other');
    made.push(patient);
  },

  async 'patch and delete'() {
    const observation = await medplum.createResource(weight(made[0], 1));
    const patched = await medplum.patchResource('Observation', observation.id, [
      { op: 'replace', path: '/status', value: 'amended' },
    ]);
    assert.equal(patched.status, 'amended');
    assert.equal(patched.valueQuantity.value, 1);
    await medplum.deleteResource('Observation', observation.id);
    await refused(client().readResource('Observation', observation.id), 410, /deleted|Gone/i);
  },

  async 'history and versions'() {
    const history = await medplum.readHistory('Patient', made[0].id);
    assert.equal(history.type, 'history');
    assert.deepEqual(
      history.entry.map((entry) => entry.resource.meta.versionId),
      ['2', '1']
    );
    assert.equal((await medplum.readVersion('Patient', made[0].id, '1')).gender, 'female');
  },

  async 'search by what tells nothing'() {
    for (let kilos = 70; kilos < 75; kilos++) {
      made.push(await medplum.createResource(weight(made[0], kilos)));
    }
    const of = `patient=${made[0].id}`;
    const bundle = await medplum.search('Observation', of);
    assert.equal(bundle.type, 'searchset');
    assert.equal(bundle.entry.length, 5);
    const resources = await medplum.searchResources('Observation', `${of}&status=final&_sort=-_lastUpdated&_count=50`);
    assert.deepEqual(
      resources.map((each) => each.id),
      made.slice(1).map((each) => each.id).reverse()
    );
    const one = await medplum.searchOne('Patient', { _id: made[0].id });
    assert.equal(one.id, made[0].id);
    const beside = await medplum.search('Observation', `${of}&_include=Observation:patient`);
    assert.deepEqual(
      beside.entry.filter((entry) => entry.search.mode === 'include').map((entry) => entry.resource.id),
      [made[0].id]
    );
  },

  async 'pages'() {
    const found = [];
    let pages = 0;
    for await (const page of medplum.searchResourcePages('Observation', `patient=${made[0].id}&_count=2`)) {
      assert.ok(page.length <= 2);
      found.push(...page.map((each) => each.id));
      pages++;
    }
    assert.ok(pages >= 3);
    assert.deepEqual(found.sort(), made.slice(1).map((each) => each.id).sort());
    const whole = [];
    for await (const page of medplum.searchResourcePages('Observation', `patient=${made[0].id}`)) {
      whole.push(...page.map((each) => each.id));
    }
    assert.deepEqual(whole.sort(), found);
  },

  async 'everything about a patient'() {
    const bundle = await medplum.readPatientEverything(made[0].id);
    const kinds = new Set(bundle.entry.map((entry) => entry.resource.resourceType));
    assert.deepEqual([...kinds].sort(), ['Observation', 'Patient']);
    assert.equal(bundle.entry.length, 6);
  },

  async 'batches and transactions'() {
    const fullUrl = 'urn:uuid:6c1f0f0a-0000-4000-8000-0000000003ed';
    const entry = [
      { fullUrl, request: { method: 'POST', url: 'Patient' }, resource: person },
      {
        request: { method: 'POST', url: 'Observation' },
        resource: { ...weight({ id: 'x' }, 70), subject: { reference: fullUrl } },
      },
    ];
    const done = await medplum.executeBatch({ resourceType: 'Bundle', type: 'transaction', entry });
    assert.deepEqual(
      done.entry.map((each) => each.response.status.slice(0, 3)),
      ['201', '201']
    );
    const some = await medplum.executeBatch({
      resourceType: 'Bundle',
      type: 'batch',
      entry: [
        { request: { method: 'GET', url: `Patient/${made[0].id}` } },
        { request: { method: 'GET', url: 'Patient/nobody-at-all' } },
      ],
    });
    assert.deepEqual(
      some.entry.map((each) => each.response.status.slice(0, 3)),
      ['200', '404']
    );
    // Its own gathering of reads that come together into one batch.
    const gathering = client({ autoBatchTime: 20 });
    const both = await Promise.all(made.slice(0, 2).map((each) => gathering.readResource(each.resourceType, each.id)));
    assert.deepEqual(
      both.map((each) => each.id),
      made.slice(0, 2).map((each) => each.id)
    );
  },

  async 'create what is not there'() {
    const code = `urn:phivault:${crypto.randomUUID()}`;
    const known = { ...person, identifier: [{ system: 'urn:ietf:rfc:3986', value: code }] };
    const first = await medplum.createResourceIfNoneExist(known, `identifier=urn:ietf:rfc:3986|${code}`);
    const second = await medplum.createResourceIfNoneExist(known, `identifier=urn:ietf:rfc:3986|${code}`);
    assert.equal(second.id, first.id);
  },

  async 'validation'() {
    const good = await medplum.validateResource(person);
    assert.ok(good.issue.every((issue) => !['error', 'fatal'].includes(issue.severity)));
    const bad = await medplum.validateResource({ ...person, gender: 'zebra' });
    assert.ok(bad.issue.some((issue) => issue.severity === 'error'));
  },

  async 'binary content'() {
    const data = new Uint8Array([0x25, 0x50, 0x44, 0x46, 0x00, 0xff]);
    const binary = await medplum.createBinary({
      data,
      contentType: 'application/pdf',
      securityContext: { reference: `Patient/${made[0].id}` },
    });
    assert.equal(binary.resourceType, 'Binary');
    assert.equal(binary.contentType, 'application/pdf');
    const blob = await medplum.download(medplum.fhirUrl('Binary', binary.id), {
      headers: { Accept: 'application/pdf' },
    });
    assert.deepEqual(new Uint8Array(await blob.arrayBuffer()), data);
  },

  async 'what tells about a person goes in a form'() {
    await refused(medplum.searchResources('Patient', { family: FAMILY }), 400, /_search/);
    const form = new URLSearchParams({ family: FAMILY, birthdate: '1957-03-04', _id: made[0].id });
    const found = await medplum.post(
      medplum.fhirUrl('Patient', '_search'),
      form.toString(),
      'application/x-www-form-urlencoded'
    );
    assert.deepEqual(
      found.entry.map((entry) => entry.resource.id),
      [made[0].id]
    );
  },

  async 'refusals are its own errors'() {
    await refused(medplum.readResource('Patient', 'nobody-at-all'), 404, /not found/i);
    await refused(medplum.createResource({ ...person, gender: 'zebra' }), 400, /gender/);
  },
};

let failed = 0;
for (const [name, step] of Object.entries(steps)) {
  try {
    await step();
    console.log(`ok ${name}`);
  } catch (error) {
    failed++;
    console.log(`failed ${name}: ${error.stack}`);
  }
}
process.exit(failed ? 1 : 0);
