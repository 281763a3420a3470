/** Files of readings: every column, line numbers, and errors that say where and what to do. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { batchesOf } from "../lib/batches.mjs";
import { encodeBatch } from "../lib/contract.mjs";
import { FileError } from "../lib/errors.mjs";
import { readReadings } from "../lib/readings.mjs";

const directory = await mkdtemp(join(tmpdir(), "readings-"));
after(() => rm(directory, { recursive: true }));
const CODE = "32651401611141221550000121114104";
const LOT = "65140161077";

async function read(content) {
  const path = join(directory, "readings.csv");
  await writeFile(path, content);
  const found = [];
  for await (const each of readReadings(path)) found.push(each);
  return found;
}

const refuses = (content, ...parts) =>
  assert.rejects(read(content), (error) => {
    assert.ok(error instanceof FileError, error.stack);
    for (const part of parts) assert.ok(error.message.includes(part), error.message);
    assert.notEqual(error.remedy, "");
    return true;
  });

test("every column comes out as the contract has it", async () => {
  const columns =
    "bale_code,lot_no,length,uniformity,short_fibre,strength,elongation,micronaire,maturity,rd," +
    "plus_b,trash_area,trash_count,moisture,spinning_consistency,colour_grade," +
    "instrument_colour_grade,colour_quadrant,leaf_grade,extraneous_matter,visual_grade,preparation," +
    "foreign_fibre,standard,laboratory,instrument,inspected_at,kind,supersedes_revision,reason," +
    "note,decided_by";
  const values =
    `${CODE},${LOT},28.2,83,12.1,29.55,6.9,4.20,0.86,80.1,8.0,0.29,12,7.5,140,31,21,2,3,11,4,P2,1,` +
    'GB1103.1-2023,LAB-1,"HVI ""A"", 7",2016-11-20T12:00:00,correction,9007199254740993,other,' +
    "样品混淆,张三";
  const [{ line, reading }] = await read(`${columns}\n${values}\n`);
  assert.equal(line, 2);
  assert.deepEqual(reading, {
    bale_code: CODE,
    lot_no: LOT,
    length: 2820,
    uniformity: 8300,
    short_fibre: 1210,
    strength: 2955,
    elongation: 690,
    micronaire: 420,
    maturity: 86,
    rd: 8010,
    plus_b: 800,
    trash_area: 29,
    trash_count: 12,
    moisture: 750,
    spinning_consistency: 140,
    colour_grade: 31,
    instrument_colour_grade: 21,
    colour_quadrant: 2,
    leaf_grade: 3,
    extraneous_matter: 11,
    visual_grade: 4,
    preparation: "PREPARATION_P2",
    foreign_fibre: true,
    standard: "GB1103.1-2023",
    laboratory: "LAB-1",
    instrument: 'HVI "A", 7',
    inspected_at_s: 1479614400,
    kind: "READING_KIND_CORRECTION",
    amendment: {
      supersedes_revision: "9007199254740993",
      reason: "AMENDMENT_REASON_OTHER",
      note: "样品混淆",
      decided_by: "张三",
    },
  });
});

test("an empty value is absent, and zero is not", async () => {
  const [{ reading }] = await read(`bale_code,lot_no,length,rd\n${CODE},${LOT},,0\n`);
  assert.deepEqual(reading, { bale_code: CODE, lot_no: LOT, rd: 0 });
});

test("an imported bale is named by its id and crop year", async () => {
  const [{ reading }] = await read("usda_bale_id,crop_year,length\n000123456789,2021,1.14\n");
  assert.deepEqual(reading, {
    usda_bale: { bale_id: "000123456789", crop_year: 2021 },
    length: 114,
  });
});

test("byte order mark, comments, blank lines and CR LF are no readings, and are counted as lines", async () => {
  const content = `\ufeff# it's "a" comment, with commas\r\n\r\nbale_code , lot_no,rd\r\n  \r\n${CODE}, ${LOT} ,80.1\r\n\r\n${CODE},${LOT},80.2`;
  const found = await read(content);
  assert.deepEqual(
    found.map(({ line, reading }) => [line, reading.rd]),
    [
      [5, 8010],
      [7, 8020],
    ],
  );
});

test("line numbers and characters hold over the blocks of a long file", async () => {
  const many = 5000;
  const rows = Array.from({ length: many }, (_, row) => `${CODE},${LOT},${row % 100},实验室\n`);
  const found = await read(`bale_code,lot_no,rd,laboratory\n${rows.join("")}`);
  assert.equal(found.length, many);
  for (const [row, { line, reading }] of found.entries()) {
    assert.deepEqual([line, reading.rd, reading.laboratory], [row + 2, (row % 100) * 100, "实验室"]);
  }
});

test("what cannot be read is refused with its place", async () => {
  const header = "bale_code,lot_no,length\n";
  const good = `${CODE},${LOT},28.2\n`;
  await refuses(`${header}${good}${CODE},${LOT},28.205\n`, "line 3", "column length", '"28.205"');
  await refuses(`${header}${good}${CODE},${LOT}\n`, "line 3", "2 values, the header has 3");
  await refuses(`${header}${good}\n# no comment\n`, "line 4", "1 values");
  await refuses(`${header}${good}${CODE},,28.2\n`, "line 3", "column lot_no", "no lot number");
  await refuses(`${header},${LOT},28.2\n`, "line 2", "no identifier");
  await refuses(`${header}${good}"${CODE},${LOT},28.2\n`, "line", "quotes");
  await refuses(`${header}${CODE},${LOT},"28\n.2"\n`, "over the end of its line");
  await refuses(`bale_code,lot_no,lenght\n${good}`, "line 1", "column 3", "not a known column");
  await refuses(`bale_code,lot_no,rd,rd\n${good}`, "is there twice");
  await refuses(`bale_code,rd\n${CODE},80\n`, "lot_no", "missing from the header");
  await refuses(`bale_code,lot_no\n${CODE},${LOT}\n`, "micronaire", "missing from the header");
  await refuses("usda_bale_id,rd\n000123456789,80\n", "crop_year", "missing from the header");
  await refuses("bale_code,lot_no,usda_bale_id,crop_year,rd\n,,000123456789,,80\n", "crop year");
  await refuses(`${header}`, "holds no records");
  await refuses("", "is empty");
});

test("bytes that are no UTF-8 text are refused with their line", async () => {
  const good = Buffer.from(`bale_code,lot_no,length,laboratory\n${CODE},${LOT},28.2,a\n`);
  const gb18030 = Buffer.concat([Buffer.from(`${CODE},${LOT},28.2,`), Buffer.from([0xbc, 0xec, 0x0a])]);
  await refuses(Buffer.concat([good, gb18030]), "line 3", "not UTF-8");
  await refuses(Buffer.concat([good, Buffer.from([0, 0x0a])]), "line 3", "not UTF-8");
  await refuses(Buffer.alloc(200_000, "7"), "line 1", "longer than");
  await assert.rejects(read("").catch(() => readReadings(directory).next()), /is not a file/);
  await assert.rejects(readReadings(join(directory, "none.csv")).next(), /ENOENT/);
});

test("batches have the size asked for, and an id by content and place", async () => {
  const rows = Array.from({ length: 5 }, () => `${CODE},${LOT},80\n`).join("");
  const cut = async (balesMax) => {
    const path = join(directory, "batches.csv");
    await writeFile(path, `bale_code,lot_no,rd\n${rows}`);
    const found = [];
    for await (const each of batchesOf(readReadings(path), balesMax)) found.push(each);
    return found;
  };
  const batches = await cut(2);
  assert.deepEqual(
    batches.map(({ index, firstRecord, lines }) => [index, firstRecord, lines]),
    [
      [0, 1, [2, 3]],
      [1, 3, [4, 5]],
      [2, 5, [6]],
    ],
  );
  const ids = batches.map(({ message }) => message.batch_id);
  assert.equal(new Set(ids).size, 3, "equal readings at another place are another batch");
  assert.ok(ids.every((id) => /^[0-9a-f]{64}$/.test(id)));
  assert.deepEqual((await cut(2)).map(({ message }) => message.batch_id), ids);
  assert.ok(encodeBatch(batches[0].message).length > 0);
});
