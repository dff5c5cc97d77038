import { StandardSchemaSerializerInterceptor } from '@nestjs/common';

type Base = StandardSchemaSerializerInterceptor['serialize'];

/** Removes from each response what the schema of its route doesn't have. */
export class ResponseSerializerInterceptor extends StandardSchemaSerializerInterceptor {
  /** Nest applies the schema to each item of an array. Here, and in the OpenAPI document, it describes the array. */
  override serialize(
    response: Parameters<Base>[0],
    schema: Parameters<Base>[1],
    options?: Parameters<Base>[2],
  ): ReturnType<Base> {
    if (schema && Array.isArray(response)) return this.transformToPlain(response, schema, options);
    return super.serialize(response, schema, options);
  }
}
